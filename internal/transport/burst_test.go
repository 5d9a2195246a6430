package transport

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// burstSize is how many exchanges may begin at once.
const burstSize = burstTimed + burstFree

// Exchanges that take long hold nobody up for longer than a moment, those that
// are over make room at once, and who leaves takes no room.
func TestABurstSpreadsBeginnings(t *testing.T) {
	for takes, want := range map[time.Duration]time.Duration{time.Hour: 4 * burstTime, time.Millisecond: 4 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			b, start := newBurst(), time.Now()
			var mu sync.Mutex
			var last time.Duration
			var all sync.WaitGroup
			const exchanges = burstFree + 5*burstTimed
			for range exchanges {
				all.Go(func() {
					turn, err := b.enter(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					last = max(last, time.Since(start))
					mu.Unlock()
					time.Sleep(takes)
					turn.over()
				})
			}
			time.Sleep(time.Microsecond)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := b.enter(ctx); err == nil {
				t.Error("an ended call had its turn")
			}
			all.Wait()
			if last != want {
				t.Errorf("the last of %d began after %v, want %v", exchanges, last, want)
			}
			if !b.timed.TryAcquire(burstTimed) || b.underWay.Load() != 0 {
				t.Error("room was not given back")
			}
		})
	}
}

func TestPollsForSamplesBeginInBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 3 * burstSize
		submitted, polled := promised, result(t)
		submitted.times, polled.times, polled.hold = calls, calls, time.Second
		s := newScript(t, map[string][]step{submitPath: {submitted}, pollPath: {polled}})
		sampler := s.sampler(t, nil)
		sampler.client.burst = newBurst()
		var all sync.WaitGroup
		for range calls {
			all.Go(func() {
				if _, err := sample(t.Context(), sampler); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		s.allDone()
		began := slices.Sorted(slices.Values(s.times(pollPath)))
		for i := range calls - burstSize {
			if apart := began[i+burstSize] - began[i]; apart < burstTime {
				t.Fatalf("polls %d and %d begin %v apart", i, i+burstSize, apart)
			}
		}
	})
}
