package engine

import (
	"context"
	"time"

	"tinsmith.example/internal/engine/sched"
)

// Standing is where a request is among the others.
type Standing = sched.Standing

// Progress is how far a request is.
type Progress struct {
	Standing        Standing
	TokensPerSecond float64 // that went through the model in the steps of the last seconds; 0: there was none
	// Left is about the most that it takes until the request is done, at that
	// pace and if nothing else comes; samples that stop early make it less. 0: it
	// is not known.
	Left time.Duration
}

// Progress says how far r is, which is what Sample was called with; false if it
// is not running or ctx ends first. The answer comes between two steps.
func (e *Engine) Progress(ctx context.Context, r *Request) (Progress, bool) {
	e.mu.Lock()
	c := e.running[r]
	if c == nil || e.closed {
		e.mu.Unlock()
		return Progress{}, false
	}
	q := question{c, make(chan Progress, 1)}
	e.inbox.asked = append(e.inbox.asked, q)
	e.ring()
	e.mu.Unlock()
	select {
	case p, ok := <-q.answer:
		return p, ok
	case <-ctx.Done():
	case <-e.ended:
	}
	return Progress{}, false
}

// A question is about a call's progress. answer has room for it, and is closed
// without one if the call has ended.
type question struct {
	call   *call
	answer chan Progress
}

// tell answers questions, all of them from one look at the scheduler.
func (l *loop) tell(asked []question) {
	if len(asked) == 0 {
		return
	}
	load := l.sched.Load()
	for _, q := range asked {
		if c := q.call; l.calls[c.group] == c {
			s := l.sched.Standing(c.group, load)
			q.answer <- Progress{Standing: s, TokensPerSecond: l.pace.tokensPerSecond(), Left: l.pace.of(s.Tokens, s.Steps)}
		}
		close(q.answer)
	}
}
