package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A hub asks the Hub, and is the only part of the package that speaks HTTP.
// It follows redirects itself, because the token must go to the Hub and to
// nobody that the Hub sends us to: net/http would also give it to subdomains.
type hub struct {
	base   string // the endpoint, without a slash at the end
	token  string
	client *http.Client
	limits limits
}

const (
	maxRedirects = 8
	maxListing   = 16 << 20 // bytes of a repository's description
	maxFailures  = 4        // of a download in a row, each without much progress
	muchProgress = 1 << 20  // bytes
	maxWait      = 30 * time.Second
)

func (c *Cache) newHub() *hub {
	return &hub{
		base:   strings.TrimRight(c.config.HubEndpoint, "/"),
		token:  c.config.HubToken,
		limits: c.limits,
		client: &http.Client{
			Transport:     c.http,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// hubTransport connects fast or not at all. Keep-alives are off: a download is
// a few requests, and nothing has to be closed afterwards.
func hubTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		DisableKeepAlives:   true,
		DisableCompression:  true, // lengths and ranges are those of the file
		ForceAttemptHTTP2:   true,
	}
}

// fileURL is where the Hub serves a file.
func (h *hub) fileURL(f hubFile) string {
	return h.base + "/" + escapePath(f.repo) + "/resolve/" + url.PathEscape(f.revision) + "/" + escapePath(f.path)
}

func escapePath(p string) string {
	parts := strings.Split(p, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// request sends one request and follows redirects for as long as follow says.
func (h *hub) request(ctx context.Context, method, at string, header http.Header, follow func(from, to *url.URL, r *http.Response) bool) (*http.Response, error) {
	for range maxRedirects {
		req, err := http.NewRequestWithContext(ctx, method, at, nil)
		if err != nil {
			return nil, err
		}
		for k, v := range header {
			req.Header[k] = v
		}
		req.Header.Set("User-Agent", "tinsmith")
		if h.token != "" && h.own(req.URL) {
			req.Header.Set("Authorization", "Bearer "+h.token)
		}
		resp, err := h.client.Do(req)
		if err != nil {
			return nil, plain(ctx, err)
		}
		to := redirect(req.URL, resp)
		if to == nil || !follow(req.URL, to, resp) {
			return resp, nil
		}
		resp.Body.Close()
		if req.URL.Scheme == "https" && to.Scheme != "https" {
			return nil, fmt.Errorf("%s redirects from https to %s", shownURL(req.URL), to.Scheme)
		}
		at = to.String()
	}
	return nil, fmt.Errorf("more than %d redirects from %s", maxRedirects, h.base)
}

// plain is err without what net/http puts around it: the URL, which may be one
// that carries a signature.
func plain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// redirect is where r sends us, or nil.
func redirect(from *url.URL, r *http.Response) *url.URL {
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if to, err := from.Parse(r.Header.Get("Location")); err == nil && r.Header.Get("Location") != "" {
			return to
		}
	}
	return nil
}

// own says whether u is on the Hub itself, so that it may have the token.
func (h *hub) own(u *url.URL) bool {
	base, err := url.Parse(h.base)
	return err == nil && u.Scheme == base.Scheme && strings.EqualFold(u.Host, base.Host)
}

// shownURL is u without a query, which may be a signature.
func shownURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// hubMeta is what the Hub says of a file.
type hubMeta struct {
	size int64
	sum  string // SHA-256; empty if the file is not in large-file storage
}

// head asks for a file's length and checksum. These stand in the Hub's own
// answer, which for a large file is a redirect to its storage: that is not
// followed, while a redirect within the Hub (a renamed repository) is.
func (h *hub) head(ctx context.Context, f hubFile) (hubMeta, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, h.limits.answer,
		fmt.Errorf("%s: no answer within %v", h.base, h.limits.answer))
	defer cancel()
	at := h.fileURL(f)
	resp, err := h.request(ctx, http.MethodHead, at, nil, func(from, to *url.URL, r *http.Response) bool {
		return r.Header.Get("X-Linked-Etag") == "" && h.own(to)
	})
	if err != nil {
		return hubMeta{}, err
	}
	resp.Body.Close()
	linked := resp.Header.Get("X-Linked-Etag")
	if resp.StatusCode != http.StatusOK && (linked == "" || resp.StatusCode >= 400) {
		return hubMeta{}, hubError(at, resp)
	}
	meta := hubMeta{size: resp.ContentLength}
	if s := resp.Header.Get("X-Linked-Size"); s != "" {
		if meta.size, err = strconv.ParseInt(s, 10, 64); err != nil {
			meta.size = -1
		}
	}
	if meta.size <= 0 {
		return hubMeta{}, fmt.Errorf("%s: the Hub does not say how long the file is", at)
	}
	if etag := strings.Trim(strings.TrimPrefix(linked, "W/"), `"`); isSHA256(etag) {
		meta.sum = strings.ToLower(etag)
	}
	return meta, nil
}

func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}

// hubError is an answer that is not what was asked for.
func hubError(at string, r *http.Response) *HubError {
	e := &HubError{URL: at, Status: r.StatusCode, Reason: strings.ToLower(http.StatusText(r.StatusCode))}
	switch r.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Reason = "the repository does not exist, or is private or gated: accept its terms on its page and set HF_TOKEN"
	case http.StatusNotFound:
		e.Reason = "no such repository, revision or file"
	case http.StatusTooManyRequests:
		e.Reason = "too many requests; HF_TOKEN raises the limit"
	}
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && s >= 0 {
		e.retryAfter = time.Duration(s) * time.Second
	}
	return e
}

// A listing is the GGUF files of a repository at one commit.
type listing struct {
	Commit string   `json:"commit"`
	Files  []string `json:"files"`
}

// list asks for a repository's files.
func (h *hub) list(ctx context.Context, repo string) (listing, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, h.limits.answer,
		fmt.Errorf("%s: no answer within %v", h.base, h.limits.answer))
	defer cancel()
	at := h.base + "/api/models/" + escapePath(repo) + "/revision/main"
	resp, err := h.request(ctx, http.MethodGet, at, nil, func(from, to *url.URL, _ *http.Response) bool { return h.own(to) })
	if err != nil {
		return listing{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return listing{}, hubError(at, resp)
	}
	var answer struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Name string `json:"rfilename"`
		} `json:"siblings"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxListing)).Decode(&answer); err != nil {
		return listing{}, fmt.Errorf("%s: not the description of a repository: %w", at, plain(ctx, err))
	}
	l := listing{Commit: answer.SHA}
	if !isCommit(l.Commit) {
		return listing{}, fmt.Errorf("%s: the description names no commit: %.80q", at, l.Commit)
	}
	for _, s := range answer.Siblings {
		if isGGUF(s.Name) && safePath(s.Name) {
			l.Files = append(l.Files, s.Name)
		}
	}
	return l, nil
}

func isCommit(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}

// again calls try until it succeeds or fails with an error that is not worth
// another try, and waits in between. try says whether it got much further than
// the time before, in which case the count of failures begins anew.
func (h *hub) again(ctx context.Context, worth func(error) bool, try func() (further bool, err error)) error {
	failures := 0
	for {
		further, err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if further {
			failures = 0
		}
		failures++
		if !worth(err) || failures > maxFailures {
			return err
		}
		wait := h.limits.backoff << (failures - 1)
		if answered, ok := errors.AsType[*HubError](err); ok && answered.retryAfter > wait {
			wait = answered.retryAfter
		}
		if wait > maxWait {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// busy says whether the Hub asks for another try, later. A Hub that is not
// reached at all is not asked twice: people wait for the answer.
func busy(err error) bool {
	e, ok := errors.AsType[*HubError](err)
	return ok && (e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout || e.Status >= 500)
}

// broken says whether a download that failed with err may be taken up again.
func broken(err error) bool {
	if _, ok := errors.AsType[*HubError](err); ok {
		return busy(err)
	}
	_, wrong := errors.AsType[*LengthError](err)
	return !wrong && !local(err)
}
