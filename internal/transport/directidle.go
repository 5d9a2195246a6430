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
	mu         sync.Mutex
	conns      []*conn     // by idleSince
	generation int         // counts how often all were closed
	timer      *time.Timer // of expire; nil: there was no connection yet
}

// take returns the connection that was used last, so that those that are not
// needed grow old, for an exchange within that time. It returns nil if there is none
// whose server has kept quiet, and the generation of a new one in its place.
func (s *idle) take(within time.Duration) (c *conn, generation int) {
	for {
		c, generation := s.pop()
		if c == nil {
			return nil, generation
		}
		c.expect(within) // the last deadline may be over, and then no probe is possible
		if time.Since(c.idleSince) <= idleTime && c.probe.quiet() {
			return c, generation
		}
		c.Close()
	}
}

func (s *idle) pop() (*conn, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.conns) - 1
	if n < 0 {
		return nil, s.generation
	}
	c := s.conns[n]
	s.conns[n] = nil
	s.conns = s.conns[:n]
	return c, s.generation
}

// put keeps a connection, unless there are enough or all were closed while it was
// in use.
func (s *idle) put(c *conn) {
	if !s.keep(c) {
		c.Close()
	}
}

func (s *idle) keep(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) == idleConns || c.generation != s.generation {
		return false
	}
	c.idleSince = time.Now()
	s.conns = append(s.conns, c)
	if len(s.conns) == 1 {
		s.arm(idleTime)
	}
	return true
}

// arm has expire called after d. s.mu is held.
func (s *idle) arm(d time.Duration) {
	if s.timer == nil {
		s.timer = time.AfterFunc(d, s.expire)
		return
	}
	s.timer.Reset(d)
}

// expire closes the connections that have been there for too long, and comes again
// when the next one will have been.
func (s *idle) expire() {
	s.mu.Lock()
	now, n := time.Now(), 0
	for n < len(s.conns) && now.Sub(s.conns[n].idleSince) >= idleTime {
		n++
	}
	old := slices.Clone(s.conns[:n])
	s.conns = slices.Delete(s.conns, 0, n)
	if len(s.conns) > 0 {
		s.arm(idleTime - now.Sub(s.conns[0].idleSince))
	}
	s.mu.Unlock()
	closeAll(old)
}

// close closes all of them, and has those that are in use closed afterwards.
func (s *idle) close() {
	s.mu.Lock()
	all := s.conns
	s.conns = nil
	s.generation++
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	closeAll(all)
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		c.Close()
	}
}
