package transport

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// sparingly lets something happen once a minute. The zero value is ready.
type sparingly struct {
	mu   sync.Mutex
	last time.Time
}

func (s *sparingly) now() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.last.IsZero() && now.Sub(s.last) < time.Minute {
		return false
	}
	s.last = now
	return true
}

// noteTrouble tells whoever reads the log, or the error, why a call takes longer.
func (c *Client) noteTrouble(t *trail, a answer) {
	t.meet(a)
	args := []any{"server", c.base, "path", t.path}
	if a.status != 0 { // or there was no answer
		args = append(args, "status", a.status)
	}
	if message := a.message(); message != "" {
		args = append(args, "message", message)
	}
	if a.err != nil {
		args = append(args, "error", a.err)
	}
	c.warn("tinker: a call is tried again", append(args, "attempts", t.attempts)...)
}

// warn logs a warning, but trouble comes in crowds: what follows within a minute
// is only for debugging.
func (c *Client) warn(message string, args ...any) {
	level := slog.LevelDebug
	if c.trouble.now() {
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, message, args...)
}
