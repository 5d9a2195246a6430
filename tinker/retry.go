package tinker

import (
	"math"
	"time"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// RetryConfig says how a SamplingClient treats calls that failed for reasons
// that may pass. The zero value is the API's defaults.
//
// Below it, and not subject to it, each request to the server is repeated for up
// to five minutes, and push-back is obeyed for as long as it takes.
//
// Retryable gets an *APIError or a *RequestError, and may be called by many
// goroutines at once.
type RetryConfig struct {
	MaxConcurrent    int              // calls at once; 0, or more than the server allows: what it allows
	ProgressTimeout  time.Duration    // without a success, after which calls fail with ErrStuck; 0: two hours
	BaseDelay        time.Duration    // before the first retry, doubling from there; 0: 0.5 s
	MaxDelay         time.Duration    // 0: 10 s
	Jitter           *float64         // part of a delay by which it varies, 0 to 1; nil: 0.25
	NoRetry          bool             // true: one attempt
	NoStuckDetection bool             // true: ErrStuck never occurs
	Retryable        func(error) bool // nil: no answer, a lost result, and statuses 408, 409, 429 and 5xx
}

func (r *RetryConfig) check() error {
	switch {
	case r.MaxConcurrent < 0:
		return &ArgumentError{"Retry.MaxConcurrent", r.MaxConcurrent, "0 or more"}
	case r.ProgressTimeout < 0:
		return &ArgumentError{"Retry.ProgressTimeout", r.ProgressTimeout, "0 or more"}
	case r.BaseDelay < 0:
		return &ArgumentError{"Retry.BaseDelay", r.BaseDelay, "0 or more"}
	case r.MaxDelay < 0:
		return &ArgumentError{"Retry.MaxDelay", r.MaxDelay, "0 or more"}
	case r.Jitter != nil && !(*r.Jitter >= 0 && *r.Jitter <= 1):
		return &ArgumentError{"Retry.Jitter", *r.Jitter, "between 0 and 1"}
	}
	return nil
}

// resolve fills in the defaults and what the server says.
func (r *RetryConfig) resolve(server *wire.ClientConfig) transport.RetryConfig {
	t := transport.RetryConfig{
		MaxConcurrent:    max(server.SampleMaxConcurrent, 1),
		ProgressTimeout:  orDefault(r.ProgressTimeout, 2*time.Hour),
		BaseDelay:        orDefault(r.BaseDelay, 500*time.Millisecond),
		MaxDelay:         orDefault(r.MaxDelay, 10*time.Second),
		Jitter:           0.25,
		NoRetry:          r.NoRetry,
		NoStuckDetection: r.NoStuckDetection || !server.SampleStuckDetection,
		Retryable:        transport.Retryable,
	}
	if server.SampleUseRetrieveFutures {
		t.MaxConcurrent = math.MaxInt64 // the server takes all of them
	}
	if r.MaxConcurrent > 0 {
		t.MaxConcurrent = min(t.MaxConcurrent, int64(r.MaxConcurrent))
	}
	if r.Jitter != nil {
		t.Jitter = *r.Jitter
	}
	if ask := r.Retryable; ask != nil {
		t.Retryable = func(err error) bool { return ask(publicError(err)) }
	}
	return t
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
