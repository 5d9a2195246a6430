package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A lateError says that a command took longer than --timeout allows.
type lateError struct {
	limit time.Duration
	err   error // what the end of the time interrupted
}

func (e *lateError) Error() string {
	text := fmt.Sprintf("not done after %v, which is the --timeout", e.limit)
	if waiting := awaited(e.err); waiting != "" {
		return text + "," + waiting
	}
	return text + ": " + explain(e.err)
}

func (e *lateError) Unwrap() error { return e.err }

// inTime does work in a context that ends after limit; 0: not by itself.
func inTime(ctx context.Context, limit time.Duration, work func(context.Context) error) error {
	if limit == 0 {
		return work(ctx)
	}
	over := errors.New("the time was over")
	ctx, cancel := context.WithTimeoutCause(ctx, limit, over)
	defer cancel()
	err := work(ctx)
	// Not everything below knows of causes: net/http says DeadlineExceeded.
	if context.Cause(ctx) == over && (errors.Is(err, over) || errors.Is(err, context.DeadlineExceeded)) {
		return &lateError{limit, err}
	}
	return err
}
