package transport

import (
	"context"
	"sync"
	"time"
)

const (
	billingWait   = 5 * time.Second // between tries while 402 comes
	billingForget = 5 * time.Minute // without a 402, after which a new window may open
)

// billing decides whether 402 still means "wait". The first one opens a window;
// past its end 402 is a failure.
type billing struct {
	mu     sync.Mutex
	most   time.Duration // length of the window
	opened time.Time     // of the current window
	last   time.Time     // the latest 402
	logged sparingly
}

func (b *billing) setMost(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = d
}

func (b *billing) limit() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most
}

// blocked takes note of a 402 and reports whether to wait.
func (b *billing) blocked(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last.IsZero() || now.Sub(b.last) > billingForget {
		b.opened = now
	}
	b.last = now
	return now.Sub(b.opened) < b.most
}

// billingBlocked takes note of a 402 and reports whether to wait.
func (c *Client) billingBlocked(a answer) bool {
	wait := c.billing.blocked(time.Now())
	switch {
	case !c.billing.logged.now():
	case wait:
		c.log.Warn("tinker: paused by billing", "message", a.message())
	default:
		c.log.Error("tinker: paused by billing for too long", "limit", c.billing.limit(), "message", a.message())
	}
	return wait
}

// payBill waits for a while after a 402, or reports that waiting is over.
func (c *Client) payBill(ctx context.Context, t *trail, a answer) error {
	if !c.billingBlocked(a) {
		return t.fail(a, nil)
	}
	t.meet(a)
	if sleep(ctx, billingWait) != nil {
		return t.ended(ctx)
	}
	return nil
}
