package transport

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"tinsmith.example/internal/wire"
)

// SamplerConfig is what a Sampler needs to know.
type SamplerConfig struct {
	SamplingSessionID string
	FirstSeqID        int64 // where its requests are numbered from
	Gate              *Gate // of the session
	Retry             RetryConfig

	// Background, if not nil, makes the sampler wait for all of its results with one long
	// poll, where the server says that it offers that (retrieve_futures). It
	// starts a goroutine of the session, whose context ends with the session and
	// whose end the session waits for; it returns false if the session is over.
	Background func(func(context.Context)) bool

	// Abandoned is called when a request that the server may have taken will not
	// be waited for any more. It must not block, and may call name, from another
	// goroutine, to learn what to cancel: nothing, if that is "". May be nil.
	Abandoned func(name func(context.Context) (requestID string, err error))
	// QueueState is called, by the goroutine of the call, when the server says
	// why a request waits, and with wire.QueueActive when one ends. May be nil.
	QueueState func(state, reason string)
}

// A Sampler makes the sampling calls of one sampling session. It may be used by
// any number of goroutines.
type Sampler struct {
	client   *Client
	cfg      SamplerConfig
	seq      atomic.Int64 // the next request's number
	slots    *semaphore.Weighted
	progress progress
	watch    *watch // nil: each result is polled for
}

// NewSampler makes a sampler. It sends nothing.
func (c *Client) NewSampler(cfg SamplerConfig) *Sampler {
	s := &Sampler{
		client: c, cfg: cfg,
		slots:    semaphore.NewWeighted(max(cfg.Retry.MaxConcurrent, 1)),
		progress: progress{timeout: cfg.Retry.ProgressTimeout},
	}
	s.seq.Store(cfg.FirstSeqID)
	if cfg.Background != nil {
		s.watch = newWatch(c, &s.cfg)
	}
	return s
}

// A SampleCall is one call to Sample.
type SampleCall struct {
	Op string
	// Request is sent with the sampler's session and a number of its own; the
	// sampler does not change or keep it.
	Request     *wire.SampleRequest
	PromptBytes int64 // the prompt's size, as far as admission is concerned
	// Direct skips the retries of whole calls, their limit and the watch for
	// progress.
	Direct bool
	// Cancel ends the context of the call, or one that it comes from. The sampler does
	// so where no call makes progress any more; nil: with a context of its own.
	Cancel context.CancelCauseFunc
}

// A Sampled is a result with the promise that led to it.
type Sampled struct {
	Promise  *wire.Promise
	Response *wire.SampleResponse
	Attempts int           // HTTP requests that it took
	Elapsed  time.Duration // since the call began
}

// Sample submits a request and waits for its result. What fails for a reason that
// may pass is tried again, as the retry configuration says: under the same number
// if the server has not promised a result, so that it cannot have sampled twice,
// and else, as when it has lost the result, under a new one. Every error is an
// *Error.
func (s *Sampler) Sample(ctx context.Context, call SampleCall) (*Sampled, error) {
	t := newTrail(call.Op)
	if call.Direct {
		r, err := s.number(t, call)
		if err != nil {
			return nil, err
		}
		return s.once(ctx, t, r)
	}
	t.waitFor(forSlot)
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return nil, t.ended(ctx)
	}
	defer s.slots.Release(1)
	if !s.cfg.Retry.NoStuckDetection {
		if call.Cancel == nil {
			ctx, call.Cancel = context.WithCancelCause(ctx)
			defer call.Cancel(nil)
		}
		s.progress.watch(&call.Cancel)
		defer s.progress.forget(&call.Cancel)
	}
	r, err := s.number(t, call)
	if err != nil {
		return nil, err
	}
	for failures := 1; ; failures++ {
		sampled, err := s.once(ctx, t, r)
		if err == nil {
			s.progress.made()
			return sampled, nil
		}
		retry := &s.cfg.Retry
		if retry.NoRetry || ctx.Err() != nil || !retry.Retryable(err) {
			return nil, err
		}
		wait := retry.delay(failures)
		s.client.warn("tinker: sampling is tried again", "error", err, "wait", wait)
		t.waitFor(forRetry)
		t.trouble = err.Error()
		if sleep(ctx, wait) != nil {
			return nil, s.leave(ctx, t, r)
		}
		if r.promised {
			if r, err = s.number(t, call); err != nil {
				return nil, err
			}
		}
	}
}

// A numbered is a request with its number.
type numbered struct {
	body        []byte // nil once promised
	promptBytes int64
	inDoubt     bool // an attempt ended without saying whether the server has it
	promised    bool // the server has promised a result
}

func (s *Sampler) number(t *trail, call SampleCall) (*numbered, error) {
	t.request = ""
	req := *call.Request
	req.SamplingSessionID = s.cfg.SamplingSessionID
	req.SeqID = new(s.seq.Add(1) - 1)
	req.Type = wire.TypeSample
	body, err := wire.EncodeSampleRequest(&req)
	if err != nil {
		t.path = wire.PathSample
		return nil, t.fail(answer{}, &unsendableError{err})
	}
	return &numbered{body: body, promptBytes: call.PromptBytes}, nil
}

// once makes one attempt.
func (s *Sampler) once(ctx context.Context, t *trail, r *numbered) (*Sampled, error) {
	promise, err := s.submit(ctx, t, r)
	if err != nil {
		return nil, err
	}
	r.promised, r.inDoubt, r.body = true, false, nil
	t.request = promise.RequestID
	response, err := s.fetch(ctx, t)
	if s.cfg.QueueState != nil {
		s.cfg.QueueState(wire.QueueActive, "")
	}
	if err != nil {
		return nil, err
	}
	return &Sampled{Promise: promise, Response: response, Attempts: t.attempts, Elapsed: time.Since(t.started)}, nil
}
