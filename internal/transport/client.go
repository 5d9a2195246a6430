package transport

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Config is what a Client needs to know. It is read once, by New.
type Config struct {
	// BaseURL is the server, with any path prefix: "http://127.0.0.1:8731",
	// "https://host/services/prod/". Required.
	BaseURL string
	// APIKey is sent with every call to BaseURL's host, but see SetCredential.
	APIKey string
	// AllowPlainHTTP lets the key travel over http to a host that is not this
	// machine.
	AllowPlainHTTP bool
	// HTTP carries the calls; nil means one of our own. Its redirect policy and
	// its Timeout are not used.
	HTTP *http.Client
	// UserAgent names the program. Required.
	UserAgent string
	// Header is sent with every call too, beneath the headers that the API has.
	Header http.Header
	// MaxResponse bounds the body of an answer, in bytes after decompression;
	// 0 means 256 MiB. A larger one is an error.
	MaxResponse int64
	// BillingPause is for how long 402 means "wait" and not "failed".
	BillingPause time.Duration
	// Log gets warnings; nil means slog.Default().
	Log *slog.Logger
}

// A Client makes calls to one server with one key. It may be used by any number
// of goroutines.
type Client struct {
	base        string // no trailing slash
	key         string
	credential  atomic.Pointer[Credential] // nil: key
	userAgent   string
	header      http.Header
	http        *http.Client
	send        func(*http.Request) (*http.Response, error)
	owned       *http.Transport // nil if the caller brought the client; dials for direct, too
	direct      *direct         // nil: send does all of it
	maxResponse int64
	billing     billing
	burst       *burst
	log         *slog.Logger
	trouble     sparingly
	keys        string       // what this client's idempotency keys begin with
	calls       atomic.Int64 // that had such a key
}

const defaultMaxResponse = 256 << 20

// New checks cfg. It sends nothing.
func New(cfg Config) (*Client, error) {
	base, err := checkBaseURL(cfg.BaseURL, cfg.AllowPlainHTTP)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: base, key: cfg.APIKey, userAgent: cfg.UserAgent, header: cfg.Header.Clone(), log: cfg.Log,
		maxResponse: cfg.MaxResponse, billing: billing{most: cfg.BillingPause},
		burst: newBurst(),
		keys:  "tinsmith-retry-" + uuid.NewString() + "-",
	}
	if c.maxResponse == 0 {
		c.maxResponse = defaultMaxResponse
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	if cfg.HTTP != nil {
		c.http = new(*cfg.HTTP)
	} else {
		c.owned = newHTTPTransport(base)
		c.http = &http.Client{Transport: c.owned}
		c.direct = newDirect(base, c.owned)
	}
	// Polls are held for as long as the server likes; exchange has timeouts of
	// its own.
	c.http.Timeout = 0
	// net/http would carry the key's header along to another host.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.send = c.http.Do
	if c.http.Jar == nil && c.http.Transport != nil {
		c.send = c.http.Transport.RoundTrip // what Do would do, without its preparations for redirects
	}
	return c, nil
}

// idleConns is how many connections are kept: one for each poll and each
// submission that there may be at once. To close those that a burst leaves over,
// and make new ones in the next, would cost more than they do.
const idleConns = 2000 + dispatchCount

// newHTTPTransport is the default transport with limits that fit many long
// polls to one host. Servers whose names have an underscore, which certificates
// cannot have, answer to a hyphen in its place.
func newHTTPTransport(base string) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if u, err := url.Parse(base); err == nil && strings.Contains(u.Hostname(), "_") {
		t.TLSClientConfig = &tls.Config{ServerName: strings.ReplaceAll(u.Hostname(), "_", "-")}
	}
	t.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = idleConns
	t.MaxResponseHeaderBytes = maxAnswerHeader
	t.IdleConnTimeout = idleTime
	t.ReadBufferSize = readBuffer
	return t
}

// SetBillingPause changes Config.BillingPause, once the server has said it.
func (c *Client) SetBillingPause(d time.Duration) { c.billing.setMost(d) }

// BaseURL returns the server's URL without a slash at its end.
func (c *Client) BaseURL() string { return c.base }

// Close drops idle connections. Calls that are running go on, and drop theirs
// afterwards.
func (c *Client) Close() {
	if c.owned != nil {
		c.owned.CloseIdleConnections()
	}
	if c.direct != nil {
		c.direct.idle.close()
	}
}
