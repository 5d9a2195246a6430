package transport

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"
)

// A direct carries requests to one server of plain http on the goroutine that
// makes them: it writes, waits and reads there. [http.Transport] hands each of
// them to two more goroutines, and to be woken so often costs more than all else
// that a client does for a sample.
//
// It sends nothing twice, and does not ask for compression. What it is not made
// for it leaves to the transport that it wraps, which dials for both.
type direct struct {
	wrapped *http.Transport
	host    string // as URLs have it
	address string // to dial
	idle    idle
}

// newDirect returns nil where wrapped has to do all of it: for https, proxies,
// names that have to be translated, and systems on which an idle connection cannot
// be looked at.
func newDirect(base string, wrapped *http.Transport) *direct {
	u, err := url.Parse(base)
	if err != nil || !canProbe || u.Scheme != "http" || !plain(u.Host) {
		return nil
	}
	if wrapped.Proxy != nil {
		if proxy, err := wrapped.Proxy(&http.Request{URL: u}); proxy != nil || err != nil {
			return nil
		}
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return &direct{wrapped: wrapped, host: u.Host, address: net.JoinHostPort(u.Hostname(), port)}
}

// plain reports whether a host is sent as it is: in ASCII, and without a zone.
func plain(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf || r == '%' })
}

// carries reports whether a request is one for this transport. A large body is
// not: a server that answers before it has read all of it may wait for us to read,
// while we wait for it. Up to quickBody, what is on its way has room for it.
func (d *direct) carries(req *http.Request) bool {
	return req.URL.Scheme == "http" && req.URL.Host == d.host && req.Method != http.MethodHead && req.Method != http.MethodConnect &&
		(req.Body == nil || req.ContentLength > 0 && req.ContentLength <= quickBody)
}

// requests have the bytes of requests, so that each is written at once.
var requests = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// RoundTrip implements [http.RoundTripper]. The body of the response is for one
// goroutine.
func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	if !d.carries(req) {
		return d.wrapped.RoundTrip(req)
	}
	ctx := req.Context()
	c, stop, unsent, err := d.send(ctx, req)
	if err != nil {
		return nil, err
	}
	resp, err := c.receive(req, unsent)
	if err != nil {
		stop()
		c.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	body := &body{Reader: resp.Body, ctx: ctx, stop: stop, conn: c}
	if !resp.Close && !req.Close {
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
func (d *direct) send(ctx context.Context, req *http.Request) (c *conn, stop func() bool, unsent, err error) {
	request := requests.Get().(*bytes.Buffer)
	defer requests.Put(request) // before the answer, which may take long
	request.Reset()
	if err := writeRequest(request, req); err != nil {
		return nil, nil, nil, &unsendableError{err}
	}
	if c, err = d.connect(ctx); err != nil {
		return nil, nil, nil, err
	}
	stop = context.AfterFunc(ctx, c.cut)
	_, unsent = c.Write(request.Bytes())
	return c, stop, unsent, nil
}

// connect returns an idle connection, or a new one. Errors of dialing are the
// dialer's, from which it can be told that nothing was sent.
func (d *direct) connect(ctx context.Context) (*conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c, generation := d.idle.take()
	if c != nil {
		return c, nil
	}
	dialed, err := d.wrapped.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	return newConn(dialed, generation), nil
}

// CloseIdleConnections closes the connections that are not in use, and those that
// are when they no longer are.
func (d *direct) CloseIdleConnections() {
	d.idle.close()
	d.wrapped.CloseIdleConnections()
}
