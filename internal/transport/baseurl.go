package transport

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// A BaseURLError is a base URL that cannot be right.
type BaseURLError struct {
	Value string // the URL, or, if it may have a secret in it, that it is not shown
	Limit string // what it must be
}

func (e *BaseURLError) Error() string {
	return fmt.Sprintf("base URL is %q, must be %s", e.Value, e.Limit)
}

const hiddenURL = "a text that is not shown here"

// apiPath is what every endpoint's path begins with, below the base URL.
const apiPath = "/api/v1"

// checkBaseURL returns raw without a slash at its end.
func checkBaseURL(raw string, allowPlainHTTP bool) (string, error) {
	u, err := url.Parse(raw)
	if err != nil { // whose message may repeat a password
		return "", &BaseURLError{hiddenURL, "a URL with its scheme, such as https://host/prefix"}
	}
	if u.User != nil {
		return "", &BaseURLError{hiddenURL, "without user and password: the API key belongs elsewhere"}
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", &BaseURLError{hiddenURL, "without query and fragment"}
	}
	base := strings.TrimRight(u.String(), "/")
	limit := ""
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		limit = "http or https, such as https://host/prefix"
	case u.Hostname() == "":
		limit = "one with a host, such as https://host/prefix"
	case strings.HasSuffix(base, apiPath):
		limit = fmt.Sprintf("without %s, which is added to it: %s", apiPath, strings.TrimRight(strings.TrimSuffix(base, apiPath), "/"))
	case u.Scheme == "http" && !allowPlainHTTP && !loopback(u.Hostname()):
		limit = "https, since http would send the API key unencrypted to another machine (tinker.WithPlainHTTP allows it)"
	default:
		return base, nil
	}
	return "", &BaseURLError{raw, limit}
}

// loopback reports whether host surely is this machine.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
