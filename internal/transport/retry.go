package transport

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// RetryConfig says how a Sampler treats whole calls that failed. All of it is
// taken as it is: defaults are for the caller to fill in.
type RetryConfig struct {
	MaxConcurrent    int64         // calls at once; at least 1
	ProgressTimeout  time.Duration // without a success, after which all calls fail
	BaseDelay        time.Duration // before the second try; doubles from there
	MaxDelay         time.Duration
	Jitter           float64 // part of the delay by which it varies, up and down
	NoRetry          bool
	NoStuckDetection bool
	Retryable        func(error) bool
}

// delay is how long to wait after failure number n, counted from 1.
func (r *RetryConfig) delay(n int) time.Duration {
	d := float64(r.MaxDelay)
	if n <= 62 {
		d = min(float64(r.BaseDelay)*float64(int64(1)<<(n-1)), d)
	}
	d += d * r.Jitter * (2*rand.Float64() - 1)
	return time.Duration(min(max(d, 0), float64(r.MaxDelay)))
}

// progress notices when none of the calls running at once succeeds any more. One
// timer does so for all of them.
type progress struct {
	timeout time.Duration

	mu    sync.Mutex
	last  time.Time // the latest success, or start of a call while there was none
	calls map[*context.CancelCauseFunc]struct{}
	timer *time.Timer // of check; nil: there was no call yet
	armed bool        // check will be called
}

// watch counts a call in. It is canceled with ErrStuck as the cause once there has
// been no progress for the timeout.
func (p *progress) watch(cancel *context.CancelCauseFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) == 0 {
		p.last = time.Now()
	}
	if p.timer == nil {
		p.calls = map[*context.CancelCauseFunc]struct{}{}
		p.timer = time.AfterFunc(p.timeout, p.check)
		p.armed = true
	}
	p.calls[cancel] = struct{}{}
	if !p.armed {
		p.armed = true
		p.timer.Reset(time.Until(p.last.Add(p.timeout)))
	}
}

// forget counts a call out.
func (p *progress) forget(cancel *context.CancelCauseFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, cancel)
	if len(p.calls) == 0 && p.timer.Stop() {
		p.armed = false
	}
}

// check ends the calls if it is time to, or comes again when it may be.
func (p *progress) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	if len(p.calls) == 0 {
		return
	}
	if left := time.Until(p.last.Add(p.timeout)); left > 0 {
		p.armed = true
		p.timer.Reset(left)
		return
	}
	stuck := fmt.Errorf("%w in %v by any of the %d calls under way", ErrStuck, p.timeout, len(p.calls))
	for cancel := range p.calls {
		(*cancel)(stuck)
	}
}

func (p *progress) made() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
}
