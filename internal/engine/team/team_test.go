package team

import (
	"strings"
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
				team.Run(items, func(worker, i int) {
					if worker < 0 || worker >= threads {
						t.Errorf("worker %d of %d", worker, threads)
					}
					counts[i].Add(1)
				})
				for i := range counts {
					if n := counts[i].Load(); n != 1 {
						t.Fatalf("%d threads: item %d of %d ran %d times", threads, i, items, n)
					}
				}
			}
		}
		team.Close()
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
