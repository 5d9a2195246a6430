package transport

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	dispatchCount     = 400              // submissions at once
	throttledCount    = 10               // the same, shortly after a push-back
	throttledFactor   = 20               // by which a prompt counts as larger then
	throttledFor      = 10 * time.Second // what "shortly" means
	largePrompt       = 128 << 10        // bytes, above which a push-back lasts longer
	shortPushBack     = 1 * time.Second
	longPushBack      = 5 * time.Second
	defaultDispatch   = 10 << 20 // bytes
	defaultInResponse = 50 << 20 // bytes
)

// A Gate limits what the samplers of one session have under way, and holds all
// of them back when the server pushes back on one.
type Gate struct {
	dispatch  *semaphore.Weighted // submissions
	throttled *semaphore.Weighted // submissions, shortly after a push-back
	prompts   *bytesGate          // bytes being submitted
	responses *bytesGate          // bytes of large results being fetched

	mu        sync.Mutex
	notBefore time.Time // when the last push-back ends; zero: there was none
}

// NewGate makes a gate for prompts and results of that many bytes at once; 0
// means the API's defaults, 10 and 50 MiB.
func NewGate(promptBytes, responseBytes int64) *Gate {
	if promptBytes <= 0 {
		promptBytes = defaultDispatch
	}
	if responseBytes <= 0 {
		responseBytes = defaultInResponse
	}
	return &Gate{
		dispatch:  semaphore.NewWeighted(dispatchCount),
		throttled: semaphore.NewWeighted(throttledCount),
		prompts:   newBytesGate(promptBytes),
		responses: newBytesGate(responseBytes),
	}
}

// admit waits until a prompt of that many bytes may be submitted. release is to
// be called once the server has taken it.
func (g *Gate) admit(ctx context.Context, promptBytes int64) (release func(), err error) {
	if err := g.dispatch.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	throttle := g.pushedBackRecently()
	if throttle {
		if err := g.throttled.Acquire(ctx, 1); err != nil {
			g.dispatch.Release(1)
			return nil, err
		}
		promptBytes *= throttledFactor
	}
	free, err := g.prompts.acquire(ctx, promptBytes)
	release = func() {
		if err == nil {
			free()
		}
		if throttle {
			g.throttled.Release(1)
		}
		g.dispatch.Release(1)
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// pushedBack takes note of a push-back on a prompt of that many bytes.
func (g *Gate) pushedBack(promptBytes int64) {
	until := time.Now().Add(shortPushBack)
	if promptBytes > largePrompt {
		until = time.Now().Add(longPushBack)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.notBefore) {
		g.notBefore = until
	}
}

func (g *Gate) pushBackEnds() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.notBefore
}

func (g *Gate) pushedBackRecently() bool {
	ends := g.pushBackEnds()
	return !ends.IsZero() && time.Since(ends) < throttledFor
}

// holds reports whether a push-back holds.
func (g *Gate) holds() bool { return time.Until(g.pushBackEnds()) > 0 }

// wait returns when no push-back holds.
func (g *Gate) wait(ctx context.Context) error {
	for {
		left := time.Until(g.pushBackEnds())
		if left <= 0 {
			return nil
		}
		if err := sleep(ctx, left); err != nil {
			return err
		}
	}
}

// A bytesGate is a number of bytes to share out, in the order of asking. Who asks
// while not more than all of it is taken gets what it asks for: so what is larger
// than all of it passes, too, and then nothing else until that is back.
type bytesGate struct {
	turn  *semaphore.Weighted // held by who is next
	freed chan struct{}       // has room for one: something was given back

	mu   sync.Mutex
	left int64 // negative: more is taken than there is
}

func newBytesGate(size int64) *bytesGate {
	return &bytesGate{turn: semaphore.NewWeighted(1), freed: make(chan struct{}, 1), left: size}
}

func (g *bytesGate) acquire(ctx context.Context, n int64) (release func(), err error) {
	if err := g.turn.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer g.turn.Release(1)
	for !g.take(n) {
		select {
		case <-g.freed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return func() { g.giveBack(n) }, nil
}

func (g *bytesGate) take(n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left < 0 {
		return false
	}
	g.left -= n
	return true
}

func (g *bytesGate) giveBack(n int64) {
	g.mu.Lock()
	g.left += n
	g.mu.Unlock()
	select {
	case g.freed <- struct{}{}:
	default:
	}
}
