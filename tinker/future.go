package tinker

import (
	"context"
	"iter"
	"sync"
)

// A Future is the result of a call that may still be running. Any number of
// goroutines may use it.
type Future[T any] struct {
	done   chan struct{} // closed once val and err are set, which then never change
	val    T
	err    error
	cancel context.CancelFunc
}

// newFuture makes a future and the context of its call, which ends with ctx or
// with Cancel.
func newFuture[T any](ctx context.Context) (*Future[T], context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	return &Future[T]{done: make(chan struct{}), cancel: cancel}, ctx
}

// finish sets the result. It is called once.
func (f *Future[T]) finish(val T, err error) {
	f.val, f.err = val, err
	close(f.done)
	f.cancel()
}

// Await returns the result once it is there. If ctx ends first, Await returns
// why; the call itself goes on, and a later Await may still get its result.
func (f *Future[T]) Await(ctx context.Context) (T, error) {
	select {
	case <-f.done:
		return f.val, f.err
	default:
	}
	select {
	case <-f.done:
		return f.val, f.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}

// Done returns a channel that is closed once the result is there.
func (f *Future[T]) Done() <-chan struct{} { return f.done }

// Cancel ends the call, if it still runs: on the server too, where the server
// allows that. The result is then an error that wraps context.Canceled. A
// result that is there already stays.
func (f *Future[T]) Cancel() { f.cancel() }

// All returns the results of all futures, in their order. It returns early with
// the first error to occur, or with the cause if ctx ends; the other calls go
// on, and their futures can still be awaited or canceled.
func All[T any](ctx context.Context, futures ...*Future[T]) ([]T, error) {
	results := make([]T, len(futures))
	left := len(futures)
	for i, f := range Completed(ctx, futures...) {
		if f.err != nil {
			return nil, f.err
		}
		results[i] = f.val
		left--
	}
	if left > 0 {
		return nil, context.Cause(ctx)
	}
	return results, nil
}

// Completed yields the futures with their positions as their results come in.
// Those that are there already come first, in order. If ctx ends, so does the
// sequence: a caller that needs to know asks ctx.Err.
func Completed[T any](ctx context.Context, futures ...*Future[T]) iter.Seq2[int, *Future[T]] {
	return func(yield func(int, *Future[T]) bool) {
		var running []int
		for i, f := range futures {
			select {
			case <-f.done:
				if !yield(i, f) {
					return
				}
			default:
				running = append(running, i)
			}
		}
		ctx, stop := context.WithCancel(ctx)
		var waiters sync.WaitGroup
		defer waiters.Wait()
		defer stop()
		completed := make(chan int, len(running)) // so that waiters never block on it
		for _, i := range running {
			waiters.Go(func() {
				select {
				case <-futures[i].done:
					completed <- i
				case <-ctx.Done():
				}
			})
		}
		for range running {
			select {
			case i := <-completed:
				if !yield(i, futures[i]) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}
