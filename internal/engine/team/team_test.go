package team

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestEveryItemRunsOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		team := New(threads)
		for _, items := range []int{0, 1, 2, 7, 100, 1000} {
			for range 200 {
				counts := make([]atomic.Int32, items)
				count := func(worker, i int) {
					if worker < 0 || worker >= threads {
						t.Errorf("worker %d of %d", worker, threads)
					}
					counts[i].Add(1)
				}
				team.Run(items, count)
				team.RunInOrder(items, count)
				for i := range counts {
					if n := counts[i].Load(); n != 2 {
						t.Fatalf("%d threads: item %d of %d ran %d times in two runs", threads, i, items, n)
					}
				}
			}
		}
		team.Close()
	}
}

// TestItemsBeginInOrder: no item begins before one with a lower number.
func TestItemsBeginInOrder(t *testing.T) {
	team := New(3)
	defer team.Close()
	for range 200 {
		var mu sync.Mutex
		begun := 0
		team.RunInOrder(50, func(_, i int) {
			mu.Lock()
			defer mu.Unlock()
			// At most the two others can have taken lower ones without having come here yet.
			if i > begun+2 {
				t.Errorf("item %d is the %dth to begin", i, begun+1)
			}
			begun++
		})
	}
}

func TestParkedMembersWake(t *testing.T) {
	team := New(2)
	defer team.Close()
	for range 5 {
		time.Sleep(3 * spinTime)
		var n atomic.Int32
		team.Run(50, func(_, _ int) { n.Add(1); time.Sleep(10 * time.Microsecond) })
		if n.Load() != 50 {
			t.Fatalf("%d of 50 items ran", n.Load())
		}
	}
}

func TestPanicIsPassedOnAndTheTeamGoesOn(t *testing.T) {
	team := New(3)
	defer team.Close()
	for range 50 {
		func() {
			defer func() {
				p, ok := recover().(*Panic)
				if !ok || p.Value != "item 13" || !strings.Contains(string(p.Stack), "TestPanicIsPassedOn") {
					t.Errorf("recovered %+v", p)
				}
			}()
			team.Run(40, func(_, i int) {
				if i == 13 {
					panic("item 13")
				}
			})
		}()
		var n atomic.Int32
		team.Run(40, func(_, _ int) { n.Add(1) })
		if n.Load() != 40 {
			t.Fatalf("after a panic %d of 40 items ran", n.Load())
		}
	}
}

func BenchmarkJoin(b *testing.B) {
	team := New(2)
	defer team.Close()
	for b.Loop() {
		team.Run(2, func(_, _ int) {})
	}
}
