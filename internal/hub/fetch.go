package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxRedirects = 8
	maxFile      = 256 << 20 // bytes
	fileTimeout  = 2 * time.Minute
)

// fetch gets a file once, with the commit that it is of if the Hub says it.
// Whoever waits for it tries again, or not.
func (c *Config) fetch(ctx context.Context, w *Want, name string) (content []byte, commit string, err error) {
	if c.Offline {
		return nil, "", errOffline
	}
	ctx, cancel := context.WithTimeoutCause(ctx, fileTimeout, fmt.Errorf("no whole answer within %v", fileTimeout))
	defer cancel()
	transport := newTransport()
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Transport: transport,
		// net/http would carry the token to subdomains of the Hub, too.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	at := cmp.Or(c.Endpoint, DefaultEndpoint) + "/" + escape(w.Repo) + "/resolve/" + url.PathEscape(w.Revision) + "/" + escape(name)
	for range maxRedirects {
		resp, err := c.send(ctx, client, at)
		if err != nil {
			return nil, "", err
		}
		commit = cmp.Or(commit, resp.Header.Get("X-Repo-Commit"))
		if resp.StatusCode == http.StatusOK {
			content, err := readAnswer(ctx, resp)
			return content, commit, err
		}
		resp.Body.Close()
		to, err := resp.Location()
		if err != nil || resp.StatusCode < 300 || resp.StatusCode > 399 {
			return nil, "", &StatusError{URL: shown(resp.Request.URL), Status: resp.StatusCode}
		}
		if resp.Request.URL.Scheme == "https" && to.Scheme != "https" {
			return nil, "", fmt.Errorf("%s redirects from https to %s", shown(resp.Request.URL), to.Scheme)
		}
		at = to.String()
	}
	return nil, "", fmt.Errorf("more than %d redirects from %s", maxRedirects, at)
}

func (c *Config) send(ctx context.Context, client *http.Client, at string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "tinsmith")
	if c.Token != "" && c.own(req.URL) {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := client.Do(req)
	return resp, plain(ctx, err)
}

// own reports whether u is on the Hub itself, so that it may have the token.
func (c *Config) own(u *url.URL) bool {
	base, err := url.Parse(cmp.Or(c.Endpoint, DefaultEndpoint))
	return err == nil && u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host)
}

func readAnswer(ctx context.Context, resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off after %d bytes: %w", len(content), plain(ctx, err))
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("the file has more than %d bytes", int64(maxFile))
	}
	return content, nil
}

// plain is err without the URL that net/http puts before it, which may be one
// that carries a signature.
func plain(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// newTransport connects fast or not at all.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

func escape(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// shown is u without a query, which may be a signature.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// A StatusError is what the Hub answered instead of a file. One with status 404
// is fs.ErrNotExist.
type StatusError struct {
	URL    string
	Status int
}

func (e *StatusError) Error() string {
	reason := strings.ToLower(http.StatusText(e.Status))
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		reason = "the repository does not exist, or is private or gated: accept its terms on its page and set HF_TOKEN"
	case http.StatusNotFound:
		reason = "no such repository, revision or file"
	}
	return fmt.Sprintf("%s: status %d: %s", e.URL, e.Status, reason)
}

func (e *StatusError) Is(target error) bool {
	return target == fs.ErrNotExist && e.Status == http.StatusNotFound
}
