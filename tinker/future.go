package tinker

import (
	"context"
	"iter"
	"slices"
	"sync"
)

// A Future is the result of a call that may still be running. Any number of
// goroutines may use it.
type Future[T any] struct {
	done   chan struct{} // closed once val and err are set, which then never change
	val    T
	err    error
	cancel context.CancelCauseFunc // ends the call's context

	mu       sync.Mutex
	finished bool
	watchers []watcher
}

// A watcher is told when a future has its result: it gets position. The channel
// has room for it.
type watcher struct {
	completed chan<- int
	position  int
}

// newFuture makes a future and the context of its call, which ends with ctx or
// with Cancel.
func newFuture[T any](ctx context.Context) (*Future[T], context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Future[T]{done: make(chan struct{}), cancel: cancel}, ctx
}

// finish sets the result. It is called once.
func (f *Future[T]) finish(val T, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.val, f.err, f.finished = val, err, true
	close(f.done)
	for _, w := range f.watchers {
		w.completed <- w.position
	}
	f.watchers = nil
	f.cancel(nil)
}

// watch has w told, unless the result is there already.
func (f *Future[T]) watch(w watcher) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.finished {
		f.watchers = append(f.watchers, w)
	}
	return !f.finished
}

// unwatch forgets those who are told by that channel.
func (f *Future[T]) unwatch(completed chan<- int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = slices.DeleteFunc(f.watchers, func(w watcher) bool { return w.completed == completed })
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
func (f *Future[T]) Cancel() { f.cancel(nil) }

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
		completed := make(chan int, len(futures))
		var running []int
		defer func() {
			for _, i := range running {
				futures[i].unwatch(completed)
			}
		}()
		for i, f := range futures {
			if f.watch(watcher{completed, i}) {
				running = append(running, i)
			} else if !yield(i, f) {
				return
			}
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
