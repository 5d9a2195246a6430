package tinker

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// after is a future that gets val or err after some time.
func after[T any](t *testing.T, d time.Duration, val T, err error) *Future[T] {
	f, ctx := newFuture[T](t.Context())
	go func() {
		select {
		case <-time.After(d):
			f.finish(val, err)
		case <-ctx.Done():
			f.finish(val, ctx.Err())
		}
	}()
	return f
}

func TestAllKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := All(t.Context(), after(t, 3, "a", nil), after(t, 1, "b", nil), after(t, 2, "c", nil))
		if err != nil || !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("%q, %v", got, err)
		}
		if none, err := All[int](t.Context()); err != nil || len(none) != 0 {
			t.Errorf("%v, %v", none, err)
		}
	})
}

func TestAllReturnsTheFirstErrorToOccur(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		early, late := errors.New("early"), errors.New("late")
		slow := after(t, time.Hour, 1, nil)
		_, err := All(t.Context(), slow, after(t, 2*time.Second, 0, late), after(t, time.Second, 0, early))
		if took := time.Since(start); err != early || took != time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if v, err := slow.Await(t.Context()); v != 1 || err != nil {
			t.Errorf("the other call gave %v, %v", v, err)
		}
	})
}

func TestCompletedYieldsAsResultsCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		futures := []*Future[int]{after(t, 30, 0, nil), after(t, 10, 1, nil), after(t, 20, 2, nil), after(t, 40, 3, nil)}
		<-futures[2].Done()
		var order []int
		for i, f := range Completed(t.Context(), futures...) {
			if v, err := f.Await(t.Context()); v != i || err != nil {
				t.Errorf("future %d gave %v, %v", i, v, err)
			}
			order = append(order, i)
		}
		if !slices.Equal(order, []int{1, 2, 0, 3}) {
			t.Errorf("order %v", order)
		}
	})
}

func TestCompletedEndsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		futures := []*Future[int]{after(t, time.Hour, 0, nil), after(t, time.Second, 1, nil), after(t, 2*time.Second, 2, nil)}
		for range Completed(t.Context(), futures...) {
			break
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n := 0
		for range Completed(ctx, futures...) {
			n++
		}
		if n != 2 || ctx.Err() == nil {
			t.Errorf("%d futures before the context ended", n)
		}
		if _, err := All(ctx, futures...); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("All: %v", err)
		}
		futures[0].Cancel()
		if _, err := futures[0].Await(t.Context()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Results that come while nobody takes them any more hold nobody up.
func TestLeavingCompletedLeavesNobodyBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range Completed(t.Context(), after(t, 1, 1, nil), after(t, 2, 2, nil), after(t, 3, 3, nil)) {
			time.Sleep(time.Second)
			break
		}
	})
}

func TestAResultThatIsThereStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := after(t, time.Second, 5, nil)
		<-f.Done()
		f.Cancel()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if v, err := f.Await(ended); v != 5 || err != nil {
			t.Errorf("%v, %v", v, err)
		}
	})
}

// Whoever waits for many futures costs no goroutine, and leaves nothing behind in
// them. The same future may be there twice, and be waited for by several.
func TestFuturesAreWatchedAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, quick := after(t, time.Hour, 1, nil), after(t, time.Second, 2, nil)
		before := runtime.NumGoroutine()
		for i, f := range Completed(t.Context(), slow, quick, slow, quick) {
			if f != quick || i%2 == 0 {
				t.Errorf("future %d came first", i)
			}
			if n := runtime.NumGoroutine(); n > before {
				t.Errorf("%d more goroutines", n-before)
			}
			for range Completed(t.Context(), quick, slow) {
				break
			}
			break
		}
		if n := len(slow.watchers) + len(quick.watchers); n != 0 {
			t.Errorf("%d watchers are left", n)
		}
		var waiters sync.WaitGroup
		for range 100 {
			waiters.Go(func() {
				if all, err := All(t.Context(), quick, slow); err != nil || !slices.Equal(all, []int{2, 1}) {
					t.Errorf("%v, %v", all, err)
				}
			})
			waiters.Go(func() {
				if v, err := slow.Await(t.Context()); v != 1 || err != nil {
					t.Errorf("%v, %v", v, err)
				}
			})
		}
		waiters.Wait()
		if len(slow.watchers) != 0 {
			t.Error("watchers are left")
		}
	})
}
