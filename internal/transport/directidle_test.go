package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const nothing = "HTTP/1.1 204 No Content\r\n\r\n"

func TestManyExchangesInARowNeedOneConnection(t *testing.T) {
	var conns atomic.Int64
	d := dialing(t, listen(t, "127.0.0.1:0", func(conn net.Conn) {
		defer conn.Close()
		answering(nothing, false)(int(conns.Add(1)), conn)
	}))
	for range 100 {
		if _, _, err := post(t.Context(), d, "{}"); err != nil {
			t.Fatal(err)
		}
	}
	if got := conns.Load(); got != 1 {
		t.Errorf("%d connections", got)
	}
}

// What is sent over a connection that the server has closed is lost, so nothing
// is.
func TestAnIdleConnectionThatTheServerTouchedIsNotUsed(t *testing.T) {
	for name, touch := range map[string]func(net.Conn){
		"closed":   func(conn net.Conn) { conn.Close() },
		"reset":    func(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0); conn.Close() },
		"answered": func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			touched := make(chan struct{})
			var conns, lost atomic.Int64
			d := dialing(t, listen(t, "127.0.0.1:0", func(conn net.Conn) {
				defer conn.Close()
				in := bufio.NewReader(conn)
				if readRequest(in) != nil {
					return
				}
				n := conns.Add(1)
				if io.WriteString(conn, nothing); n > 1 {
					return
				}
				time.Sleep(time.Millisecond) // else it may be one segment with the answer
				touch(conn)
				time.Sleep(10 * time.Millisecond) // for it to arrive
				close(touched)
				if _, err := in.ReadByte(); err == nil {
					lost.Add(1)
				}
			}))
			for range 2 {
				if _, _, err := post(t.Context(), d, "{}"); err != nil {
					t.Fatal(err)
				}
				<-touched
			}
			if conns.Load() != 2 || lost.Load() != 0 {
				t.Errorf("%d connections, %d requests lost", conns.Load(), lost.Load())
			}
		})
	}
}

func TestAServerMayBeRestartedBetweenExchanges(t *testing.T) {
	var first net.Conn
	accepted := make(chan struct{})
	l := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		first = conn
		close(accepted)
		answering(nothing, false)(1, conn)
	})
	d := dialing(t, l)
	if _, _, err := post(t.Context(), d, "{}"); err != nil {
		t.Fatal(err)
	}
	<-accepted
	l.Close()
	first.Close()
	listen(t, l.Addr().String(), func(conn net.Conn) {
		defer conn.Close()
		answering(nothing, false)(2, conn)
	})
	time.Sleep(10 * time.Millisecond)
	if _, _, err := post(t.Context(), d, "{}"); err != nil {
		t.Error(err)
	}
}

// exchangesAtOnce has n exchanges under way at once, and so leaves n idle connections.
func exchangesAtOnce(t *testing.T, d *direct, n int) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if _, _, err := post(t.Context(), d, "{}"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// slowly answers after a second each.
func slowly(n int, conn net.Conn) {
	in := bufio.NewReader(conn)
	for readRequest(in) == nil {
		time.Sleep(time.Second)
		io.WriteString(conn, nothing)
	}
}

func (s *idle) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func TestConnectionsThatAreNotNeededGrowOldAndAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		s := &lineServer{serve: func(n int, conn net.Conn) {
			open.Add(1)
			defer open.Add(-1)
			slowly(n, conn)
		}}
		d := s.direct(t)
		exchangesAtOnce(t, d, 10)
		for range 5 { // one at a time needs one
			time.Sleep(idleTime / 5)
			exchangesAtOnce(t, d, 1)
		}
		synctest.Wait()
		if open.Load() != 1 || s.conns.Load() != 10 {
			t.Errorf("%d connections of %d are open", open.Load(), s.conns.Load())
		}
		time.Sleep(idleTime + time.Second) // nobody comes by
		synctest.Wait()
		if open.Load() != 0 {
			t.Errorf("then %d of %d", open.Load(), s.conns.Load())
		}
	})
}

func TestNoMoreConnectionsAreKeptThanMayBeNeededAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &lineServer{serve: slowly}
		d := s.direct(t)
		exchangesAtOnce(t, d, idleConns+10)
		if got := d.idle.size(); got != idleConns {
			t.Errorf("%d are kept", got)
		}
	})
}

// Connections in use stay so, and are of no use afterwards: as those of net/http.
func TestClosingIdleConnectionsEndsThoseInUseLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &lineServer{serve: slowly}
		d := s.direct(t)
		exchangesAtOnce(t, d, 3)
		var one sync.WaitGroup
		one.Go(func() { exchangesAtOnce(t, d, 1) })
		synctest.Wait()
		d.idle.close()
		if got := d.idle.size(); got != 0 {
			t.Errorf("%d are kept", got)
		}
		one.Wait()
		if got := d.idle.size(); got != 0 {
			t.Errorf("%d are kept of the one in use", got)
		}
		for range 2 {
			exchangesAtOnce(t, d, 1)
		}
		if got := s.conns.Load(); got != 4 {
			t.Errorf("%d connections", got)
		}
	})
}

// What dialing says is handed on, and that nothing was sent.
func TestAContextEndsDialing(t *testing.T) {
	d := (&lineServer{}).direct(t)
	d.dialer.DialContext = (&net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}}).DialContext
	d.address = "nowhere.test:80"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, _, err := post(ctx, d, "{}")
	_, unconnected := err.(*unconnectedError)
	if failed, ok := errors.AsType[*net.OpError](err); !ok || failed.Op != "dial" || !unconnected {
		t.Errorf("got %#v", err)
	}
}
