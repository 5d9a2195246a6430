package transport

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// A direct carries requests to one server of plain http on the goroutine that
// makes them: it writes, waits and reads there. [http.Transport] hands each of
// them to two more goroutines, and to be woken so often costs more than all else
// that a client does for a sample.
//
// It sends nothing twice, and does not ask for compression. What it does not carry
// is left to net/http's transport, which dials for both.
type direct struct {
	dialer  *http.Transport
	host    string // as URLs have it
	prefix  string // of the path, escaped
	address string // to dial
	idle    idle
}

// newDirect returns nil where net/http has to do all of it: for https, proxies,
// names that have to be translated, and systems on which an idle connection cannot
// be looked at.
func newDirect(base string, dialer *http.Transport) *direct {
	u, err := url.Parse(base)
	if err != nil || !canProbe || u.Scheme != "http" || !plain(u.Host) {
		return nil
	}
	if dialer.Proxy != nil {
		if proxy, err := dialer.Proxy(&http.Request{URL: u}); proxy != nil || err != nil {
			return nil
		}
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return &direct{
		dialer: dialer, host: u.Host, prefix: strings.TrimRight(u.EscapedPath(), "/"),
		address: net.JoinHostPort(u.Hostname(), port),
	}
}

// plain reports whether a host is sent as it is: in ASCII, and without a zone.
func plain(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf || r == '%' })
}

// carries reports whether a request is one for this transport. A large body is
// not: a server that answers before it has read all of it may wait for us to read,
// while we wait for it. Up to quickBody, what is on its way has room for it.
func (d *direct) carries(method string, body []byte) bool {
	return d != nil && method != http.MethodHead && method != http.MethodConnect && len(body) <= quickBody
}

// requests have the bytes of requests, so that each is written at once.
var requests = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// exchange sends a request and returns the answer, whose body is for one goroutine
// and must be closed. It fails with a *timeoutError once nothing has moved for within.
func (d *direct) exchange(ctx context.Context, r *request, within time.Duration) (*http.Response, error) {
	c, stop, unsent, err := d.send(ctx, r, within)
	if err != nil {
		return nil, err
	}
	resp, err := c.receive(unsent)
	if err != nil {
		stop()
		c.Close()
		switch { // what half a header looks like says less
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case c.silence != nil:
			err = c.silence
		}
		return nil, err
	}
	body := &body{Reader: resp.Body, ctx: ctx, stop: stop, conn: c}
	if !resp.Close {
		body.idle = &d.idle
	}
	if resp.Body == http.NoBody {
		body.over(true)
		return resp, nil
	}
	resp.Body = body
	return resp, nil
}

// send writes a request to a connection that ends with ctx unless stop is called. A
// server may have an answer all the same to one that it has not taken: unsent says
// why not.
func (d *direct) send(ctx context.Context, r *request, within time.Duration) (c *conn, stop func() bool, unsent, err error) {
	out := requests.Get().(*bytes.Buffer)
	defer requests.Put(out) // before the answer, which may take long
	out.Reset()
	if err := r.writeTo(out); err != nil {
		return nil, nil, nil, &unsendableError{err}
	}
	if c, err = d.connect(ctx, within); err != nil {
		return nil, nil, nil, err
	}
	stop = context.AfterFunc(ctx, c.cut)
	_, unsent = c.Write(out.Bytes())
	return c, stop, unsent, nil
}

// An unconnectedError is a request that nothing was sent of, for want of a connection.
type unconnectedError struct{ error }

func (e *unconnectedError) Unwrap() error { return e.error }

// connect returns an idle connection, or a new one. Every error is an
// *unconnectedError. Dialing is the dialer's to end, beside ctx.
func (d *direct) connect(ctx context.Context, within time.Duration) (*conn, error) {
	if ctx.Err() != nil {
		return nil, &unconnectedError{context.Cause(ctx)}
	}
	c, generation := d.idle.take(within)
	if c != nil {
		return c, nil
	}
	dialed, err := d.dialer.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, &unconnectedError{err}
	}
	c = newConn(dialed, generation)
	c.expect(within)
	return c, nil
}
