package transport

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	burstTimed = 128                   // exchanges that begin at once
	burstTime  = 20 * time.Millisecond // after which one does not count any more
	burstFree  = 32                    // that do so besides, and need no timer: while no more are under way
)

// A burst spreads the beginnings of exchanges when there are thousands to begin.
// A server that answers at once then answers all of them over few connections,
// each of which costs more than several exchanges do; one that takes longer gets
// 6,400 a second. nil is no limit.
type burst struct {
	underWay atomic.Int64
	timed    *semaphore.Weighted
	leave    func() // gives a place of timed back
}

func newBurst() *burst {
	timed := semaphore.NewWeighted(burstTimed)
	return &burst{timed: timed, leave: func() { timed.Release(1) }}
}

// A turn is an exchange that has a place, until it ends or has lasted for
// burstTime. The zero value has none.
type turn struct {
	burst *burst
	ends  *time.Timer // nil: only with the exchange
}

// enter waits for the turn of an exchange.
func (b *burst) enter(ctx context.Context) (turn, error) {
	if b == nil {
		return turn{}, nil
	}
	if b.underWay.Add(1) <= burstFree {
		return turn{burst: b}, nil
	}
	if err := b.timed.Acquire(ctx, 1); err != nil {
		b.underWay.Add(-1)
		return turn{}, context.Cause(ctx)
	}
	return turn{b, time.AfterFunc(burstTime, b.leave)}, nil
}

// over is to be called once, after the exchange.
func (t turn) over() {
	if t.burst == nil {
		return
	}
	t.burst.underWay.Add(-1)
	if t.ends != nil && t.ends.Stop() {
		t.burst.leave()
	}
}

// exchange is the client's, in its turn.
func (s *Sampler) exchange(ctx context.Context, t *trail, m message) answer {
	turn, err := s.client.burst.enter(ctx)
	if err != nil {
		return answer{err: err}
	}
	defer turn.over()
	return s.client.exchange(ctx, t, m)
}
