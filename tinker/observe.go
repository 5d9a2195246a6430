package tinker

import (
	"context"
	"strings"
	"sync"
	"time"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// An Observer watches the calls of a [ServiceClient] and of the clients that
// come from it: for traces, metrics or a progress bar. [WithObserver] takes one,
// and package tinkerotel has one for OpenTelemetry.
//
// A call whose arguments are refused with an *[ArgumentError] has not begun, and
// observers are not told of it: it is the program's mistake, costs nothing, and says
// nothing of the server.
//
// Calls wait for the methods, so they must be quick. Those of one call come one
// after the other, those of different calls at the same time. Neither prompts nor
// sampled tokens nor keys are shown to them.
type Observer interface {
	// CallStarted is told of a call before it does anything: before it waits
	// for its turn, too. It returns the context with which the call goes on,
	// which is ctx or comes from it.
	CallStarted(ctx context.Context, call Call) context.Context

	// AttemptEnded is told of each HTTP request that the call made, once it is
	// over. ctx is the call's. A poll for a result is a request as well; one for
	// the results of many calls, which some servers offer, is told to none.
	AttemptEnded(ctx context.Context, call Call, attempt Attempt)

	// CallEnded is told how the call ended, just before it returns.
	CallEnded(ctx context.Context, call Call, outcome Outcome)
}

// WithObserver adds an observer, which is told of every call. It must not be nil.
func WithObserver(o Observer) Option {
	return func(c *config) error {
		if o == nil {
			return &ArgumentError{"WithObserver", nil, "an observer"}
		}
		c.observers = append(c.observers, o)
		return nil
	}
}

// A Call is a call of the SDK, as observers see it.
type Call struct {
	Op     string // its name, as in errors: "SamplingClient.Sample"
	Server string // the base URL
	Model  string // the base model; "" where there is none or it is not known yet

	PromptTokens int             // in the prompt, as ModelInput.Len counts; 0 for calls that do not sample or score
	NumSamples   int             // asked for; 0 for such calls
	Params       *SamplingParams // not to be changed; nil for such calls
}

// An Attempt is one HTTP request of a call.
type Attempt struct {
	Number   int           // counts the call's requests from 1
	Method   string        // such as "POST"
	Endpoint string        // below the base URL, without names in it: "/api/v1/samplers/{id}"
	Started  time.Time     // when it was sent
	Elapsed  time.Duration // until the whole answer was there
	Status   int           // HTTP status; 0: there was no answer
	Err      error         // why there was none; nil: there was
}

// An Outcome is how a call ended.
type Outcome struct {
	Err      error         // what the caller gets, with what the server said; nil: it succeeded
	Attempts int           // HTTP requests sent
	Elapsed  time.Duration // from beginning to end, all waiting included

	// What follows is zero unless the call sampled or scored, and succeeded.

	RequestID    string       // the server's name for the request
	OutputTokens int          // in all samples
	CachedTokens int          // prompt tokens that the server did not have to compute
	StopReasons  []StopReason // of each sample
}

// observers are told of the calls to one server. The zero value tells nobody.
type observers struct {
	server string
	list   []Observer
}

// An observation is a call that is being observed.
type observation struct {
	observers
	call    Call
	started time.Time

	mu       sync.Mutex // held while observers are told, so that it is in order
	attempts int
	ended    bool
}

// start tells of a call that begins, and returns its context.
func (o observers) start(ctx context.Context, call Call) (context.Context, *observation) {
	call.Server = o.server
	w := &observation{observers: o, call: call, started: time.Now()}
	if len(o.list) == 0 {
		return ctx, w
	}
	for _, observer := range o.list {
		ctx = observer.CallStarted(ctx, call)
	}
	return transport.WithTrace(ctx, func(x transport.Exchange) { w.attempted(ctx, x) }), w
}

func (w *observation) attempted(ctx context.Context, x transport.Exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return // it was made in another process, and the call did not wait for it
	}
	w.attempts++
	for _, observer := range w.list {
		observer.AttemptEnded(ctx, w.call, Attempt{
			Number: w.attempts, Method: x.Method, Endpoint: endpoint(x.Path),
			Started: x.Started, Elapsed: x.Elapsed, Status: x.Status, Err: x.Err,
		})
	}
}

// end tells how the call ended. response is nil unless it has one.
func (w *observation) end(ctx context.Context, response *SampleResponse, err error) {
	if len(w.list) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	outcome := Outcome{Err: err, Attempts: w.attempts, Elapsed: time.Since(w.started)}
	if response != nil {
		outcome.RequestID = response.RequestID
		outcome.CachedTokens = response.PromptCacheHitTokens
		for _, s := range response.Sequences {
			outcome.OutputTokens += len(s.Tokens)
			outcome.StopReasons = append(outcome.StopReasons, s.StopReason)
		}
	}
	for _, observer := range w.list {
		observer.CallEnded(ctx, w.call, outcome)
	}
}

// watched makes a call that is none of sampling, and tells of it.
func watched[T any](ctx context.Context, o observers, op, model string, call func(context.Context) (T, error)) (T, error) {
	ctx, w := o.start(ctx, Call{Op: op, Model: model})
	result, err := call(ctx)
	w.end(ctx, nil, err)
	return result, err
}

// endpoint is a path without what differs from request to request.
func endpoint(path string) string {
	for _, named := range []string{wire.PathSamplers, wire.PathReceipts} {
		if strings.HasPrefix(path, named) {
			return named + "{id}"
		}
	}
	if strings.HasPrefix(path, wire.PathSessions) {
		return wire.PathSessions + "{id}/finish"
	}
	if _, file, ok := strings.Cut(path, "/resolve/main/"); ok {
		return "/{model}/resolve/main/" + file
	}
	return path
}
