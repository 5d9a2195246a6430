package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

const (
	maxAnswerHeader = 1 << 20 // bytes, those of 1xx answers included
	// Thousands of polls each have a connection. Answers that are larger than
	// this are not read through the buffer.
	readBuffer = 2 << 10
)

var (
	errNoAnswer    = fmt.Errorf("the server closed the connection without an answer: %w", io.ErrUnexpectedEOF)
	errLargeHeader = fmt.Errorf("the answer's header is larger than %d bytes", maxAnswerHeader)
)

// A conn is a connection for one exchange at a time.
type conn struct {
	net.Conn
	buffered *bufio.Reader // of the conn
	left     int64         // bytes that may be read
	within   time.Duration // what the exchange may last without anything moving
	moved    bool          // since the deadline was set
	silence  *timeoutError // set when Read fails because nothing moved
	cut      func()        // closes it, from any goroutine

	probe      probe
	generation int // of idle, when it was made
	idleSince  time.Time
}

func newConn(dialed net.Conn, generation int) *conn {
	c := &conn{Conn: dialed, generation: generation}
	c.buffered = bufio.NewReaderSize(c, readBuffer)
	c.cut = func() { c.Close() }
	if at, ok := dialed.(syscall.Conn); ok {
		c.probe.begin(at)
	}
	return c
}

// expect begins an exchange during which something has to move within that time.
func (c *conn) expect(within time.Duration) {
	c.within, c.moved = within, false
	c.SetDeadline(time.Now().Add(within))
}

// Read reads what the server sends, up to the limit.
func (c *conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errLargeHeader
	}
	if c.moved {
		c.SetReadDeadline(time.Now().Add(c.within))
	}
	n, err := c.Conn.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	c.moved = n > 0
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.silence = &timeoutError{after: c.within}
		err = c.silence
	}
	return n, err
}

// receive reads the answer up to its body. A server may answer and close before it
// has read everything: what it said is then worth more than why the request is
// unsent.
func (c *conn) receive(unsent error) (*http.Response, error) {
	resp, err := c.readHeader()
	if unsent != nil {
		if err != nil {
			return nil, unsent
		}
		resp.Close = true
	}
	return resp, err
}

// readHeader reads the header of an answer, and those of the provisional ones
// before it.
func (c *conn) readHeader() (*http.Response, error) {
	c.left = maxAnswerHeader
	defer func() { c.left = math.MaxInt64 }()
	switch _, err := c.buffered.Peek(1); {
	case err == io.EOF:
		return nil, errNoAnswer
	case err != nil:
		return nil, err
	}
	for {
		resp, err := http.ReadResponse(c.buffered, nil)
		switch {
		case err != nil && c.left <= 0:
			return nil, errLargeHeader // ReadResponse takes half a line for one, and says so instead
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusSwitchingProtocols:
			resp.Close = true // what follows is not HTTP
			return resp, nil
		case resp.StatusCode < 100 || resp.StatusCode >= 200:
			return resp, nil
		}
	}
}

// A body is the body of an answer, and has its connection.
type body struct {
	io.Reader
	ctx  context.Context // of the request
	stop func() bool     // keeps ctx from ending the exchange, unless it has

	conn *conn // nil: it has been given back, or closed
	idle *idle // where it goes when all has been read; nil: it is closed
	err  error // what Read returns from then on
}

func (b *body) Read(p []byte) (int, error) {
	if b.conn == nil {
		return 0, b.err
	}
	n, err := b.Reader.Read(p)
	if err != nil {
		switch { // what HTTP makes of half an answer says less
		case err == io.EOF:
		case b.ctx.Err() != nil:
			err = context.Cause(b.ctx)
		case b.conn.silence != nil:
			err = b.conn.silence
		}
		b.err = err
		b.over(err == io.EOF)
	}
	return n, err
}

// Close closes the connection of a body that has not been read to its end.
func (b *body) Close() error {
	if b.conn != nil {
		b.err = http.ErrBodyReadAfterClose
		b.over(false)
	}
	return nil
}

// over ends the exchange. The connection is kept for another one if this one came
// to its end, and nothing has happened to it since or may still happen.
func (b *body) over(complete bool) {
	c := b.conn
	b.conn = nil
	if untouched := b.stop(); complete && untouched && b.idle != nil && c.buffered.Buffered() == 0 {
		b.idle.put(c)
		return
	}
	c.Close()
}
