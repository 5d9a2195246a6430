package transport

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	burstSize = 128                   // exchanges that begin at once
	burstTime = 20 * time.Millisecond // after which one does not count any more
)

// A burst spreads the beginnings of exchanges when there are thousands to begin.
// A server that answers at once then answers all of them over few connections,
// each of which costs more than several exchanges do; one that takes longer gets
// 6,400 a second. nil is no limit.
type burst struct{ free *semaphore.Weighted }

func newBurst() *burst { return &burst{semaphore.NewWeighted(burstSize)} }

// enter waits for the turn of an exchange. release is to be called after it.
func (b *burst) enter(ctx context.Context) (release func(), err error) {
	if b == nil {
		return func() {}, nil
	}
	if err := b.free.Acquire(ctx, 1); err != nil {
		return nil, context.Cause(ctx)
	}
	timer := time.AfterFunc(burstTime, func() { b.free.Release(1) })
	return func() {
		if timer.Stop() {
			b.free.Release(1)
		}
	}, nil
}

// exchange is the client's, in its turn.
func (s *Sampler) exchange(ctx context.Context, t *trail, m message) answer {
	release, err := s.client.burst.enter(ctx)
	if err != nil {
		return answer{err: err}
	}
	defer release()
	return s.client.exchange(ctx, t, m)
}
