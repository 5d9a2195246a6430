package transport

import (
	"context"
	"time"
)

// An Exchange is one HTTP request that a call made, once it is over.
type Exchange struct {
	Method  string
	Path    string // below the base URL, as it was sent
	Attempt int    // counts the call's requests from 1
	Started time.Time
	Elapsed time.Duration // until the whole answer was read
	Status  int           // 0: there was no answer
	Err     error         // why there was none
}

type traceKey struct{}

// WithTrace returns a context with which calls tell of each HTTP request that
// they make, from the goroutine that made it, one after the other. Who was told
// with ctx still is.
func WithTrace(ctx context.Context, tell func(Exchange)) context.Context {
	if outer := TraceOf(ctx); outer != nil {
		inner := tell
		tell = func(x Exchange) {
			inner(x)
			outer(x)
		}
	}
	return context.WithValue(ctx, traceKey{}, tell)
}

// TraceOf returns what WithTrace was given, or nil: for calls of this context
// that are made elsewhere and told of here.
func TraceOf(ctx context.Context) func(Exchange) {
	tell, _ := ctx.Value(traceKey{}).(func(Exchange))
	return tell
}

// trace tells of an exchange, if anybody wants to know.
func trace(ctx context.Context, t *trail, m message, started time.Time, a answer) {
	if tell := TraceOf(ctx); tell != nil {
		tell(Exchange{
			Method: m.method, Path: m.path, Attempt: t.attempts,
			Started: started, Elapsed: time.Since(started), Status: a.status, Err: a.err,
		})
	}
}
