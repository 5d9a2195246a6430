package transport

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tinsmith.example/internal/wire"
)

const (
	watchTimeout  = 45 * time.Second // of a poll that the server holds
	reportTimeout = 5 * time.Second  // of one that only reports
	watchWait     = time.Second      // before a poll that failed is sent again
	reportWait    = time.Second      // for more to report, while nobody waits
	overlooked    = 10 * time.Minute // after which a completion is not expected any more
	fetchesAtOnce = 400              // results being fetched that are there
	alonesAtOnce  = 2000             // results being polled for one by one, where watching does not work
)

// A watch is one long poll for everything that a sampler waits for: it tells
// each waiter that its result is there to be fetched, and the server which
// results have arrived. Its goroutine runs while there is something to wait for
// or to report.
//
// Where the server does not let itself be watched, or a completion is overlooked,
// waiters are sent to poll for themselves: each gets its result, or an error of
// its own.
type watch struct {
	client  *Client
	target  wire.FuturesTarget
	start   func(func(context.Context)) bool // see SamplerConfig.Background
	fetches *semaphore.Weighted
	alones  *semaphore.Weighted
	changed chan struct{} // has room for one: there may be something to do

	mu      sync.Mutex
	running bool
	broken  bool                // for good
	waiters map[string]waiter   // by request id
	early   map[string]early    // completions that nobody waits for, yet or any more
	arrived map[string]struct{} // results to report, by request id

	// Only the goroutine uses these.
	cursor, reported int64 // up to where the server has told, and knows that it has
	pace             pace
	complaints       int // in a row
	edge             edgeBudget
}

// A completion says how to fetch a result.
type completion struct {
	size  int64 // bytes; 0: not known
	alone bool  // it may not be there yet
}

type waiter struct {
	since time.Time
	done  chan completion // has room for one
}

type early struct {
	at time.Time
	completion
}

func newWatch(c *Client, cfg *SamplerConfig) *watch {
	return &watch{
		client: c, start: cfg.Background,
		target: wire.FuturesTarget{
			Type: wire.TypeSamplingSession, SamplingSessionID: cfg.SamplingSessionID,
			ClonedSamplerID: cfg.FirstSeqID / wire.SeqIDsPerClone,
		},
		fetches: semaphore.NewWeighted(fetchesAtOnce), alones: semaphore.NewWeighted(alonesAtOnce),
		changed: make(chan struct{}, 1),
		waiters: map[string]waiter{}, early: map[string]early{}, arrived: map[string]struct{}{},
	}
}

// wait returns when a result can be fetched. Until release is called, it counts
// among those that are being fetched.
func (w *watch) wait(ctx context.Context, requestID string) (c completion, release func(), err error) {
	done := w.register(requestID)
	select {
	case c = <-done:
	case <-ctx.Done():
		w.mu.Lock()
		delete(w.waiters, requestID)
		w.mu.Unlock()
		return c, nil, context.Cause(ctx)
	}
	limit := w.fetches
	if c.alone {
		limit = w.alones
	}
	if err := limit.Acquire(ctx, 1); err != nil {
		return c, nil, context.Cause(ctx)
	}
	return c, func() { limit.Release(1) }, nil
}

func (w *watch) register(requestID string) <-chan completion {
	done := make(chan completion, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if known, ok := w.early[requestID]; ok {
		delete(w.early, requestID)
		done <- known.completion
		return done
	}
	if w.broken {
		done <- completion{alone: true}
		return done
	}
	w.waiters[requestID] = waiter{since: time.Now(), done: done}
	w.wake()
	return done
}

// hasArrived has the server told that it need not keep a result any more.
func (w *watch) hasArrived(requestID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.broken {
		w.arrived[requestID] = struct{}{}
		w.wake()
	}
}

// wake makes the goroutine look again, and starts it if need be. w.mu is held.
func (w *watch) wake() {
	if !w.running {
		w.running = w.start(w.run)
		return
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *watch) run(ctx context.Context) {
	for {
		ask, more := w.next(ctx)
		if !more {
			return
		}
		if ctx.Err() != nil {
			w.sendLast(ctx, ask)
			return
		}
		started := time.Now()
		a := w.send(ctx, ask)
		if err := w.take(ctx, ask, a, time.Since(started)); err != nil && ctx.Err() == nil {
			w.giveUp(err)
			return
		}
	}
}

// next waits until there is a poll to send. It returns false if nobody waits and
// there is nothing to report: then the goroutine does not run any more.
func (w *watch) next(ctx context.Context) (ask *wire.RetrieveFuturesRequest, more bool) {
	for waited := false; ; waited = true {
		w.mu.Lock()
		ended := ctx.Err() != nil
		report := len(w.arrived) > 0 || w.cursor > w.reported
		watching := len(w.waiters) > 0 && !ended
		switch {
		case watching, report && (waited || ended):
			ask := &wire.RetrieveFuturesRequest{Target: w.target, PrevCursor: w.cursor, RetrievedRequestIDs: slices.Sorted(maps.Keys(w.arrived))}
			if !watching {
				ask.Timeout = new(0.0)
			}
			w.mu.Unlock()
			return ask, true
		case !report:
			w.running = false
			w.mu.Unlock()
			return nil, false
		}
		w.mu.Unlock()
		w.linger(ctx)
	}
}

// linger gives others the time to come with more to report, so that a poll is
// not spent on each. It ends early when somebody waits again.
func (w *watch) linger(ctx context.Context) {
	timer := time.NewTimer(reportWait)
	defer timer.Stop()
	for {
		select {
		case <-w.changed:
			w.mu.Lock()
			watching := len(w.waiters) > 0
			w.mu.Unlock()
			if watching {
				return
			}
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// sendLast tells a server what it has not been told at the end of the session. It
// tries once.
func (w *watch) sendLast(ctx context.Context, ask *wire.RetrieveFuturesRequest) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	w.send(ctx, ask)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
}

func (w *watch) send(ctx context.Context, ask *wire.RetrieveFuturesRequest) answer {
	body, err := wire.Encode(ask)
	if err != nil {
		return answer{err: &unsendableError{err}}
	}
	m := message{
		method: http.MethodPost, path: wire.PathRetrieveFutures, body: body, accept: wire.MediaJSON,
		within: watchTimeout, header: []field{w.client.idempotencyKey()},
	}
	if ask.Timeout != nil {
		m.within = reportTimeout
	}
	return w.client.exchange(ctx, newTrail(""), m)
}

// take deals with the answer to a poll that the server has held for so long, and
// waits until it is time for the next one. An error means that there is none.
func (w *watch) take(ctx context.Context, ask *wire.RetrieveFuturesRequest, a answer, held time.Duration) error {
	t := &trail{path: wire.PathRetrieveFutures, started: time.Now(), attempts: 1}
	if a.status == 0 && ctx.Err() != nil {
		return t.ended(ctx)
	}
	what := w.edge.limit(a, classifyWatch(a))
	if what != complain {
		w.complaints = 0
	}
	switch what {
	case done:
		var said wire.RetrieveFuturesResponse
		if err := wire.Decode(a.body, &said); err != nil {
			return t.fail(a, err)
		}
		if news := w.note(ask, &said); news {
			w.pace = pace{}
			return nil
		}
		return sleep(ctx, w.pace.pending(held))
	case pause:
		return w.client.payBill(ctx, t, a)
	case backOff:
		w.client.noteTrouble(t, a)
		return sleep(ctx, watchWait)
	case complain:
		if w.complaints++; w.complaints > maxComplaints {
			return t.fail(a, nil)
		}
		return sleep(ctx, watchWait)
	}
	return t.fail(a, nil)
}

// note takes note of an answer and tells the waiters whom it concerns. It reports
// whether there was anything new in it.
func (w *watch) note(ask *wire.RetrieveFuturesRequest, said *wire.RetrieveFuturesResponse) (news bool) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	news = said.Cursor != w.cursor || len(ask.RetrievedRequestIDs) > 0
	for _, id := range ask.RetrievedRequestIDs {
		delete(w.arrived, id)
	}
	w.reported = max(w.reported, ask.PrevCursor)
	w.cursor = said.Cursor
	for _, done := range said.Completions {
		c := completion{}
		if size := done.ResponsePayloadUncompressedSize; size != nil {
			c.size = max(*size, 0)
		}
		if waiting, ok := w.waiters[done.RequestID]; ok {
			delete(w.waiters, done.RequestID)
			waiting.done <- c
		} else {
			w.early[done.RequestID] = early{at: now, completion: c}
		}
	}
	w.sweep(now)
	return news
}

// sweep forgets completions that nobody asked about, and lets those poll for
// themselves who have waited for long. w.mu is held.
func (w *watch) sweep(now time.Time) {
	for id, e := range w.early {
		if now.Sub(e.at) > overlooked {
			delete(w.early, id)
		}
	}
	for id, waiting := range w.waiters {
		if now.Sub(waiting.since) > overlooked {
			delete(w.waiters, id)
			waiting.done <- completion{alone: true}
		}
	}
}

// giveUp ends the watch for good.
func (w *watch) giveUp(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken, w.running = true, false
	clear(w.arrived)
	for id, waiting := range w.waiters {
		delete(w.waiters, id)
		waiting.done <- completion{alone: true}
	}
	w.client.warn("tinker: results are polled for one by one", "session", w.target.SamplingSessionID, "error", err)
}
