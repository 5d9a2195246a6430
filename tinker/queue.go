package tinker

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
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
