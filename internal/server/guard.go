package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"tinsmith.example/internal/wire"
)

// A guard decides who may ask. The server is made for programs on its own
// machine, where a web page in the user's browser must not reach it: neither by
// a name of its own that it lets point here, nor by a form or a script.
type guard struct {
	hosts  map[string]bool // beside the loopback ones, in lower case
	hasKey bool
	key    [sha256.Size]byte // the key's hash, so that comparing tells no length
}

func newGuard(c *Config) *guard {
	g := &guard{hosts: map[string]bool{}, hasKey: c.Key != "", key: sha256.Sum256([]byte(c.Key))}
	for _, host := range c.AllowedHosts {
		g.hosts[hostName(host)] = true
	}
	return g
}

// checkOrigin refuses requests that address the server by a name that is not
// its own, or that a web page of another origin sends.
func (g *guard) checkOrigin(r *http.Request) error {
	host := hostName(r.Host)
	if !isLoopback(host) && !g.hosts[host] {
		return refuse(http.StatusForbidden, "Host %q is not a name of this server; to allow it, start the server with --allow-host NAME", r.Host)
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return refuse(http.StatusForbidden, "requests of web pages from %q are not answered", origin)
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return refuse(http.StatusForbidden, "requests of web pages from another site are not answered")
	}
	return nil
}

// checkBody refuses bodies that are not plain JSON: of all that the API has, only
// training compresses its requests. That a browser may not send
// application/json across origins without asking is part of the protection.
func (g *guard) checkBody(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	for _, encoding := range r.Header.Values("Content-Encoding") {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return refuse(http.StatusUnsupportedMediaType, "Content-Encoding %.100q is not supported; send the body as it is", encoding)
		}
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != wire.MediaJSON {
		return refuse(http.StatusUnsupportedMediaType, "Content-Type %q is not supported; send application/json", r.Header.Get("Content-Type"))
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return refuse(http.StatusUnsupportedMediaType, "charset %q is not supported; JSON is UTF-8", charset)
	}
	return nil
}

// checkKey refuses requests without the right key.
func (g *guard) checkKey(r *http.Request) error {
	key := r.Header.Get(wire.HeaderAPIKey)
	if key == "" {
		return refuse(http.StatusUnauthorized, "the request has no %s header", wire.HeaderAPIKey)
	}
	if !g.hasKey {
		if strings.HasPrefix(key, "tml-") || strings.HasPrefix(key, "eyJ") {
			return nil
		}
		return refuse(http.StatusUnauthorized, "%s: a key starts with tml-", wire.HeaderAPIKey)
	}
	got := sha256.Sum256([]byte(key))
	if subtle.ConstantTimeCompare(got[:], g.key[:]) != 1 {
		return refuse(http.StatusUnauthorized, "%s: not the key of this server", wire.HeaderAPIKey)
	}
	return nil
}

// hostName is the host of a Host header, without port, in lower case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isLoopback reports whether name can only mean this machine. It asks no
// resolver: that is what an attacker would control.
func isLoopback(name string) bool {
	if name == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.Unmap().IsLoopback()
}
