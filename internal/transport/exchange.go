package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"tinsmith.example/internal/wire"
)

// A message is one HTTP request.
type message struct {
	method string
	path   string // below the base URL
	body   []byte // JSON; nil: none
	accept string
	header []field       // more headers
	key    string        // instead of the client's; "": the client's
	silent bool          // about the SDK call that it is part of
	within time.Duration // without anything moving, once there is a connection
}

// An answer is what came back: a status with its header and whole body, or, with
// status 0, the reason why nothing did.
type answer struct {
	status int
	header http.Header
	body   []byte
	length int64 // Content-Length as sent; -1: not sent
	err    error
	unsent bool // the server got nothing
}

// attempt sends m with that key. It gives up when nothing has moved for
// m.within: a large answer over a slow line may take as long as it takes.
func (c *Client) attempt(ctx context.Context, t *trail, m message, key string) answer {
	t.attempts++
	started := time.Now()
	a := c.roundTrip(ctx, t.op, &m, key)
	if key != "" && !a.protobuf() && bytes.Contains(a.body, []byte(key)) { // what servers say ends up in logs
		a.body = bytes.ReplaceAll(a.body, []byte(key), []byte("[key]"))
	}
	trace(ctx, t, m, started, a)
	return a
}

// A patience ends an attempt during which nothing moves for too long.
type patience struct {
	silence timeoutError // why it ended then
	cancel  context.CancelCauseFunc
	timer   *time.Timer
}

// bePatient returns the context of an attempt, which is over with end.
func bePatient(ctx context.Context, within time.Duration) (context.Context, *patience) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &patience{silence: timeoutError{after: within}, cancel: cancel}
	p.timer = time.AfterFunc(within, func() { p.cancel(&p.silence) })
	return ctx, p
}

func (p *patience) moved() { p.timer.Reset(p.silence.after) }

func (p *patience) end() {
	p.timer.Stop()
	p.cancel(nil)
}

// A movingReader tells when bytes are read.
type movingReader struct {
	io.Reader
	*patience
}

func (r movingReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n > 0 {
		r.moved()
	}
	return n, err
}

// quickBody is the size of a body in bytes up to which it does not matter how
// fast it moves. It is written together with the header: net/http does that with
// readers that it knows, and a direct transport takes no larger ones.
const quickBody = 64 << 10

// roundTrip sends m, and reads the answer to its end.
func (c *Client) roundTrip(ctx context.Context, op string, m *message, key string) answer {
	var room [usualFields]field
	fields := c.fields(room[:0], op, m, key)
	if c.direct.carries(m.method, m.body) {
		return c.straight(ctx, m, fields)
	}
	ctx, p := bePatient(ctx, m.within)
	defer p.end()
	a := c.byHTTP(ctx, m, fields, p)
	if a.status == 0 && context.Cause(ctx) == error(&p.silence) {
		a.err = &p.silence
	}
	return a
}

// straight is roundTrip over a direct.
func (c *Client) straight(ctx context.Context, m *message, fields []field) answer {
	d := c.direct
	resp, err := d.exchange(ctx, &request{
		method: m.method, prefix: d.prefix, path: m.path, host: d.host, fields: fields, body: m.body,
	}, m.within)
	if unconnected, ok := err.(*unconnectedError); ok {
		return answer{err: unconnected.error, unsent: true}
	}
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	return c.read(m, resp, resp.Body)
}

// byHTTP is roundTrip by net/http.
func (c *Client) byHTTP(ctx context.Context, m *message, fields []field, p *patience) answer {
	req, err := c.newRequest(ctx, m, fields, p)
	if err != nil {
		return answer{err: &unsendableError{err}}
	}
	resp, err := c.send(req)
	if err != nil {
		failed, ok := errors.AsType[*net.OpError](err)
		return answer{err: err, unsent: ok && failed.Op == "dial" && ctx.Err() == nil} // else it may be of ctx's cause
	}
	defer resp.Body.Close()
	p.moved()
	return c.read(m, resp, movingReader{resp.Body, p})
}

func (c *Client) newRequest(ctx context.Context, m *message, fields []field, p *patience) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, m.method, c.base+m.path, nil)
	if err != nil {
		return nil, err
	}
	req.Header = headerOf(fields)
	if m.body != nil {
		req.ContentLength = int64(len(m.body))
		// Without GetBody, net/http sends nothing again by itself: when a reused
		// connection breaks, it would do so at once and out of our sight.
		req.Body = io.NopCloser(bytes.NewReader(m.body))
		if len(m.body) > quickBody {
			req.Body = io.NopCloser(movingReader{bytes.NewReader(m.body), p})
		}
	}
	return req, nil
}

// read reads an answer to its end.
func (c *Client) read(m *message, resp *http.Response, body io.Reader) answer {
	if resp.ContentLength > c.maxResponse {
		return answer{err: &oversizeError{c.maxResponse}}
	}
	read, err := readAll(body, resp.ContentLength, c.maxResponse)
	if silence, ok := err.(*timeoutError); ok {
		return answer{err: silence}
	}
	if err != nil {
		return answer{err: fmt.Errorf("answer with status %d broke off after %d bytes: %w", resp.StatusCode, len(read), err)}
	}
	if int64(len(read)) > c.maxResponse {
		return answer{err: &oversizeError{c.maxResponse}}
	}
	c.noteDeprecation(m.path, resp.Header)
	a := answer{status: resp.StatusCode, header: resp.Header, body: read, length: resp.ContentLength}
	if a.fromEdge() {
		c.Close() // new connections may lead past that proxy
	}
	return a
}

// readAll reads to the end of a body of that length, as net/http says, which then
// ends it there. It does not always say, and other transports may not at all: of a
// body beyond the limit, one byte more than that is read.
func readAll(r io.Reader, length, limit int64) ([]byte, error) {
	const most = 1 << 20 // bytes that are made room for because somebody says so
	if length <= 0 || length > most {
		return io.ReadAll(io.LimitReader(r, limit+1))
	}
	b := make([]byte, length)
	n, err := io.ReadFull(r, b)
	return b[:n], err
}

func (c *Client) noteDeprecation(path string, h http.Header) {
	note := h.Get(wire.HeaderDeprecationNote)
	switch {
	case note == "":
	case h.Get(wire.HeaderDeprecationLevel) == "error":
		c.log.Error("tinker: deprecated: "+note, "path", path)
	default:
		c.log.Warn("tinker: deprecated: "+note, "path", path)
	}
}

// message says what the answer's body says, if it is an error.
func (a answer) message() string {
	switch {
	case a.status >= 300 && a.status < 400:
		return fmt.Sprintf("redirect to %q, which is not followed", a.header.Get("Location"))
	case a.status >= 400:
		return wire.ErrorMessage(a.body)
	}
	return ""
}

func (a answer) requestID() string {
	if a.header == nil {
		return ""
	}
	return a.header.Get(wire.HeaderRequestID)
}

// protobuf reports whether the body is a binary result.
func (a answer) protobuf() bool {
	return strings.Contains(a.header.Get("Content-Type"), wire.MediaProtobuf)
}

// fromEdge reports whether a 400 comes from a proxy in front of the server,
// which is no answer: the server itself always says what is wrong.
func (a answer) fromEdge() bool {
	if a.status != http.StatusBadRequest {
		return false
	}
	if len(a.body) == 0 {
		return true
	}
	return a.length < 0 && !strings.Contains(a.header.Get("Content-Type"), wire.MediaJSON)
}

// An unsendableError is a request that HTTP does not allow.
type unsendableError struct{ error }

func (e *unsendableError) Unwrap() error { return e.error }

// An oversizeError is an answer beyond Config.MaxResponse.
type oversizeError struct{ limit int64 }

func (e *oversizeError) Error() string {
	return fmt.Sprintf("the answer is larger than %d bytes", e.limit)
}

// sleep waits for d, or until ctx ends: then it returns the cause.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var errNoRequestID = errors.New("the promise has no request_id")
