package machine

import (
	"context"
	"sync"
	"time"
)

// A pass is long against a goroutine's start and short against a neighbour's
// turn on the same processor; the best of several is the machine's.
const (
	passes   = 5
	passTime = 50 * time.Millisecond
)

// Rate is the most units per second that threads goroutines do together, of a
// few short passes. unit does some work as worker 0 to threads-1 and says how
// many units that was; it should take less than a pass, and is called at least
// once in each. If ctx ends, so does Rate, with its cause.
func Rate(ctx context.Context, threads int, unit func(worker int) float64) (float64, error) {
	var best float64
	for range passes {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		best = max(best, pass(threads, unit))
	}
	return best, nil
}

// pass is the rate of one pass: that of every worker over its own time, so that
// one which ends early does not count as idle.
func pass(threads int, unit func(worker int) float64) float64 {
	rates := make([]float64, threads)
	var ready, done sync.WaitGroup
	ready.Add(threads)
	for w := range threads {
		done.Go(func() {
			ready.Done()
			ready.Wait() // all at once: they share what is measured
			var units float64
			var spent time.Duration
			for start := time.Now(); spent < passTime; spent = time.Since(start) {
				units += unit(w)
			}
			rates[w] = units / spent.Seconds()
		})
	}
	done.Wait()
	var sum float64
	for _, r := range rates {
		sum += r
	}
	return sum
}
