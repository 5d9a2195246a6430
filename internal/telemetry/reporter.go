package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

const (
	maxQueued   = 10_000
	maxBatch    = 100
	flushEvery  = 10 * time.Second
	sendTimeout = 5 * time.Second
	drainLimit  = 30 * time.Second
)

// A Reporter queues the events of one session and sends them. It may be used by
// any number of goroutines, but for Run and Drain, of which one runs at a time.
type Reporter struct {
	client *transport.Client
	log    *slog.Logger
	urge   chan struct{} // has room for one: there is something urgent

	lost atomic.Bool // events were dropped, which has been logged

	mu      sync.Mutex
	started time.Time // when the session began, or, until then, the reporter
	queue   []wire.TelemetryEvent
	next    int64 // the next event's index
	refused bool  // the server takes none
}

// New makes a reporter. It sends nothing until Run.
func New(client *transport.Client, log *slog.Logger) *Reporter {
	return &Reporter{client: client, log: log, urge: make(chan struct{}, 1), started: time.Now()}
}

// Begin says that the session has begun.
func (r *Reporter) Begin() {
	r.mu.Lock()
	r.started = time.Now()
	r.mu.Unlock()
	r.Add(start())
}

// End says that the session has ended.
func (r *Reporter) End() { r.Add(r.end()) }

// Fail queues the event of a call that failed and, as the API has it, the end of
// the session with it, although the session goes on.
func (r *Reporter) Fail(e Event) { r.Add(e, r.end()) }

func (r *Reporter) end() Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return end(time.Since(r.started))
}

// Add queues events, one right after the other. It never waits: what comes while
// the queue is full is dropped.
func (r *Reporter) Add(events ...Event) {
	if r.enqueue(events) {
		return
	}
	r.dropped("the queue is full", nil)
}

// enqueue reports whether there was room for the events, or nobody wants them.
func (r *Reporter) enqueue(events []Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused {
		return true
	}
	for _, e := range events {
		if len(r.queue) >= maxQueued {
			return false
		}
		r.put(e)
	}
	return true
}

// put queues an event. r.mu is held.
func (r *Reporter) put(e Event) {
	e.event.EventID = uuid.NewString()
	e.event.EventSessionIndex = r.next
	e.event.Timestamp = time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	r.next++
	r.queue = append(r.queue, e.event)
	if e.urgent {
		select {
		case r.urge <- struct{}{}:
		default: // it has been urged
		}
	}
}

// Run sends what is queued every ten seconds, or at once after an exception,
// until ctx ends.
func (r *Reporter) Run(ctx context.Context, sessionID string) {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-r.urge:
		}
		for r.sendBatch(ctx, sessionID, transport.Briefly) {
		}
	}
}

// Drain sends what is still queued, for half a minute at most: each batch once,
// until one does not arrive.
func (r *Reporter) Drain(ctx context.Context, sessionID string) {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	for r.sendBatch(ctx, sessionID, transport.Once) {
	}
}

// sendBatch sends what is first in the queue, and reports whether it arrived and
// more is there. What could not be sent is dropped, unless ctx ended first.
func (r *Reporter) sendBatch(ctx context.Context, sessionID string, policy transport.Policy) (more bool) {
	r.mu.Lock()
	batch := r.queue[:min(len(r.queue), maxBatch)] // read only, and append never writes to it
	r.mu.Unlock()
	if len(batch) == 0 {
		return false
	}
	err := r.client.Do(ctx, transport.Call{
		Path: wire.PathTelemetry, Timeout: sendTimeout, Policy: policy,
		Body: &wire.TelemetryRequest{
			Events: batch, Platform: platform(), SDKVersion: wire.ContractVersion,
			SessionID: sessionID, ProcessUUID: processID(),
		},
	})
	if err != nil && ctx.Err() != nil {
		return false
	}
	e, _ := errors.AsType[*transport.Error](err)
	refused := e != nil && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed)
	more = r.remove(len(batch), refused)
	switch {
	case err == nil:
		return more
	case refused:
		r.log.Debug("tinker: the server takes no telemetry")
	default:
		r.dropped("it could not be sent", err)
	}
	return false
}

// remove takes the first n events from the queue, or all of them and all that
// will come if the server refuses them, and reports whether more are there.
func (r *Reporter) remove(n int, refused bool) (more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = r.queue[n:]
	if refused {
		r.refused, r.queue = true, nil
	}
	return len(r.queue) > 0
}

// dropped logs that events are lost, the first time as a warning.
func (r *Reporter) dropped(why string, err error) {
	level := slog.LevelDebug
	if r.lost.CompareAndSwap(false, true) {
		level = slog.LevelWarn
	}
	args := []any{"why", why}
	if err != nil {
		args = append(args, "error", err)
	}
	r.log.Log(context.Background(), level, "tinker: telemetry is dropped", args...)
}
