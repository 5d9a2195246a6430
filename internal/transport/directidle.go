package transport

import (
	"slices"
	"sync"
	"time"
)

// idleTime is for how long an unused connection is kept. Servers close theirs
// after some time, too, and what was sent just then would be lost.
const idleTime = 90 * time.Second

// An idle is the connections that wait for an exchange. The zero value is ready.
type idle struct {
	mu    sync.Mutex
	conns []*conn // by idleSince
}

// take returns the connection that was used last, so that those that are not
// needed grow old. It returns nil if there is none whose server has kept quiet.
func (s *idle) take() *conn {
	for {
		s.dropOld()
		c := s.pop()
		if c == nil || c.probe.quiet() {
			return c
		}
		c.Close()
	}
}

func (s *idle) pop() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.conns) - 1
	if n < 0 {
		return nil
	}
	c := s.conns[n]
	s.conns[n] = nil
	s.conns = s.conns[:n]
	return c
}

func (s *idle) put(c *conn) {
	c.idleSince = time.Now()
	s.mu.Lock()
	room := len(s.conns) < idleConns
	if room {
		s.conns = append(s.conns, c)
	}
	s.mu.Unlock()
	if !room {
		c.Close()
	}
	s.dropOld()
}

func (s *idle) dropOld() {
	s.closeWhile(func(c *conn) bool { return time.Since(c.idleSince) > idleTime })
}

func (s *idle) close() { s.closeWhile(func(*conn) bool { return true }) }

// closeWhile closes connections, the oldest first, until one is not to be.
func (s *idle) closeWhile(condition func(*conn) bool) {
	s.mu.Lock()
	n := 0
	for n < len(s.conns) && condition(s.conns[n]) {
		n++
	}
	closing := slices.Clone(s.conns[:n])
	s.conns = slices.Delete(s.conns, 0, n)
	s.mu.Unlock()
	for _, c := range closing {
		c.Close()
	}
}
