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
		c := s.pop()
		switch {
		case c == nil:
			return nil
		case time.Since(c.idleSince) <= idleTime && c.probe.quiet():
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

// put keeps a connection, unless there are enough, and closes those that have
// been there for too long.
func (s *idle) put(c *conn) {
	now := time.Now()
	c.idleSince = now
	s.mu.Lock()
	if len(s.conns) < idleConns {
		s.conns = append(s.conns, c)
		c = nil
	}
	old := s.remove(func(c *conn) bool { return now.Sub(c.idleSince) > idleTime })
	s.mu.Unlock()
	closeAll(old)
	if c != nil {
		c.Close()
	}
}

// close closes all of them.
func (s *idle) close() {
	s.mu.Lock()
	all := s.remove(func(*conn) bool { return true })
	s.mu.Unlock()
	closeAll(all)
}

// remove takes out those at the beginning for which a condition holds. s.mu is
// held.
func (s *idle) remove(condition func(*conn) bool) []*conn {
	n := 0
	for n < len(s.conns) && condition(s.conns[n]) {
		n++
	}
	if n == 0 {
		return nil
	}
	removed := slices.Clone(s.conns[:n])
	s.conns = slices.Delete(s.conns, 0, n)
	return removed
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		c.Close()
	}
}
