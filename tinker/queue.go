package tinker

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tinsmith.example/internal/wire"
)

// A QueueState says why a request waits. There may be others than these.
type QueueState string

const (
	QueueActive          QueueState = "active"            // its turn will come, or it has ended
	QueuePausedCapacity  QueueState = "paused_capacity"   // the server is short of machines
	QueuePausedRateLimit QueueState = "paused_rate_limit" // you have too much under way
)

// A queueLog is what watches a client's queue state unless its user does: it
// logs pauses, at most once a minute.
type queueLog struct {
	log     *slog.Logger
	sampler string

	mu     sync.Mutex
	logged time.Time
}

func (q *queueLog) note(state QueueState, reason string) {
	if state == QueueActive {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.logged.IsZero() && time.Since(q.logged) < time.Minute {
		return
	}
	q.logged = time.Now()
	if reason == "" {
		reason = state.reason()
	}
	q.log.Warn(fmt.Sprintf("tinker: sampling is paused: %s", reason), "sampler", q.sampler, "state", string(state))
}

// reason is why, where the server does not say.
func (s QueueState) reason() string {
	switch s {
	case QueuePausedCapacity:
		return "the server is short of capacity"
	case QueuePausedRateLimit:
		return "too many sampler weights are in use at once"
	}
	return "unknown"
}

// A pauseLog is what watches the queue state of a training client: it logs
// pauses that last, at most once a minute. Room for training takes a while to
// make.
type pauseLog struct {
	log  *slog.Logger
	what string // that is paused
	name string // of the model

	mu     sync.Mutex
	state  string
	since  time.Time // in that state
	logged time.Time
}

const pausePatience = 15 * time.Minute

func (p *pauseLog) note(state, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if state != p.state || p.since.IsZero() {
		p.state, p.since = state, now
	}
	if state == wire.QueueActive || now.Sub(p.since) < pausePatience || !p.logged.IsZero() && now.Sub(p.logged) < time.Minute {
		return
	}
	p.logged = now
	if reason == "" {
		if reason = QueueState(state).reason(); state == wire.QueuePausedRateLimit {
			reason = "too many models are in training at once"
		}
	}
	p.log.Warn(fmt.Sprintf("tinker: %s is paused: %s", p.what, reason), "model", p.name, "state", state)
}
