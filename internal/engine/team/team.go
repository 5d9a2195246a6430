// Package team runs the parallel parts of a forward pass on a fixed set of
// threads.
//
// A step of the model is a few hundred short loops with a join after each, so
// that joins must cost well under a microsecond: members spin for a while
// before they park. Who computes which item is left to chance; no result may
// depend on it.
package team

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// spinTime is how long a member looks for work before it parks. Waking a parked
// member costs about 100 µs on a virtual machine; between two loops of one step
// less than this passes, between two idle requests much more.
const spinTime = 60 * time.Microsecond

// Team is a set of threads. Only one goroutine may call Run at a time, and it
// is one of the threads.
type Team struct {
	members []*member
	wg      sync.WaitGroup

	// state is the current loop: its number in the upper half, then the open
	// bit, then how many members have entered. A loop is entered only while
	// open, so that a member that sleeps through it is not waited for.
	state atomic.Uint64
	left  atomic.Int64 // members that have entered and left again
	parts []part       // the items, by the worker that begins with them

	// Written by Run before the loop opens, read by members that entered.
	batch int
	body  func(worker, item int)

	failed atomic.Pointer[Panic]
	closed atomic.Bool
}

// A part is consecutive items, of which nobody has taken those from next on. It
// fills two cache lines, so that workers do not share one.
type part struct {
	next atomic.Int64
	end  int64
	_    [112]byte
}

type member struct {
	parked atomic.Bool
	wake   chan struct{}
}

const (
	openBit  = 1 << 31
	loopStep = 1 << 32
)

// New starts a team of n threads, n >= 1: the caller of Run and n-1 others.
func New(n int) *Team {
	t := &Team{parts: make([]part, n)}
	for i := 1; i < n; i++ {
		m := &member{wake: make(chan struct{}, 1)}
		t.members = append(t.members, m)
		t.wg.Go(func() { t.serve(m, i) })
	}
	return t
}

// Size is the number of threads; workers are numbered 0 to Size-1.
func (t *Team) Size() int { return len(t.members) + 1 }

// Close ends the team's goroutines and waits for them. Run must not be called
// any more.
func (t *Team) Close() {
	t.closed.Store(true)
	t.wakeAll()
	t.wg.Wait()
}

// Run calls body for every item from 0 to items-1 and returns when all are
// done. Calls run at the same time on different workers, each worker's one
// after the other. A worker goes through its share of the items in rising order,
// so that what lies side by side in memory is read in one run, then helps others
// with theirs; no order may matter. A panic in body is passed on, after
// the other items have been done or given up: as a *Panic if there are several
// threads.
func (t *Team) Run(items int, body func(worker, item int)) {
	n := len(t.parts)
	t.run(items, max(1, items/(8*n)), body, func(part int) (from, to int) {
		return items * part / n, items * (part + 1) / n
	})
}

// RunInOrder is Run for items of which some take much longer than others: they
// begin one by one in the order of their numbers, each on the next worker that is
// free. With the longest first nobody waits long for the last.
func (t *Team) RunInOrder(items int, body func(worker, item int)) {
	t.run(items, 1, body, func(part int) (from, to int) {
		if part == 0 {
			return 0, items
		}
		return 0, 0
	})
}

// run runs items in batches; share is what a part has of them.
func (t *Team) run(items, batch int, body func(worker, item int), share func(part int) (from, to int)) {
	if len(t.members) == 0 || items <= 1 {
		for i := range items {
			body(0, i)
		}
		return
	}
	t.body, t.batch = body, batch
	for i := range t.parts {
		from, to := share(i)
		t.parts[i].next.Store(int64(from))
		t.parts[i].end = int64(to)
	}
	t.left.Store(0)
	t.state.Store(t.state.Load()&^(loopStep-1) + loopStep | openBit)
	t.wakeAll()
	t.work(0)
	t.join()
	if p := t.failed.Swap(nil); p != nil {
		panic(p)
	}
}

// A Panic is what Run panics with when body did on one of the threads.
type Panic struct {
	Value any    // body's own
	Stack []byte // of the thread, where it happened
}

func (p *Panic) Error() string { return fmt.Sprint(p.Value) }

// join closes the loop and waits for the members that are in it.
func (t *Team) join() {
	var entered int64
	for {
		s := t.state.Load()
		if t.state.CompareAndSwap(s, s&^openBit) {
			entered = int64(s & (openBit - 1))
			break
		}
	}
	for spins := 0; t.left.Load() != entered; spins++ {
		if spins > 1<<14 { // a member lost its processor: do not hold this one
			runtime.Gosched()
		}
	}
}

// work takes items until there are none: first of the worker's own part.
func (t *Team) work(worker int) {
	defer func() {
		if p := recover(); p != nil {
			t.failed.CompareAndSwap(nil, &Panic{p, debug.Stack()})
			for i := range t.parts { // the others stop early
				t.parts[i].next.Store(t.parts[i].end)
			}
		}
	}()
	for i := range t.parts {
		p := &t.parts[(worker+i)%len(t.parts)]
		for p.next.Load() < p.end {
			from := p.next.Add(int64(t.batch)) - int64(t.batch)
			for item := from; item < min(from+int64(t.batch), p.end); item++ {
				t.body(worker, int(item))
			}
		}
	}
}

func (t *Team) serve(m *member, worker int) {
	var seen uint64 // number of the last loop that was entered or missed
	for !t.closed.Load() {
		s := t.state.Load()
		switch {
		case s/loopStep != seen && s&openBit != 0:
			if t.state.CompareAndSwap(s, s+1) {
				seen = s / loopStep
				t.work(worker)
				t.left.Add(1)
			}
		default:
			t.await(m, seen)
		}
	}
}

// await returns when there may be a loop other than seen to enter.
func (t *Team) await(m *member, seen uint64) {
	news := func() bool {
		s := t.state.Load()
		return s/loopStep != seen && s&openBit != 0 || t.closed.Load()
	}
	for start := time.Now(); time.Since(start) < spinTime; {
		for range 64 {
			if news() {
				return
			}
		}
	}
	m.parked.Store(true)
	if news() && m.parked.CompareAndSwap(true, false) {
		return
	}
	<-m.wake
}

func (t *Team) wakeAll() {
	for _, m := range t.members {
		if m.parked.Load() && m.parked.CompareAndSwap(true, false) {
			m.wake <- struct{}{}
		}
	}
}
