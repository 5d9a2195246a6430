package tinker

import (
	"context"
	"sync"

	"tinsmith.example/internal/transport"
)

// lobbyCalls is how many asynchronous calls of a client may be on their way to a
// promise at once: as many as a session submits at once.
const lobbyCalls = transport.DispatchCount

// A lobby keeps the asynchronous calls of a client that are far from being
// submitted without a goroutine for each: a program may make thousands at once, and
// as many stacks cost more than the calls do. The zero value is empty.
type lobby struct {
	mu      sync.Mutex
	inside  int      // calls that have begun and are not promised a result yet
	waiting []*guest // in the order of their coming; the first may have gone
	idle    []chan func()
}

// A guest is a call that has not begun.
type guest struct {
	call func()
	stay func() bool // keeps the end of its context from beginning it
	gone bool        // it has begun
}

// run makes a call in a goroutine, in its turn. When ctx ends, its turn has come:
// the call itself says why it failed. It must call leave once.
func (l *lobby) run(ctx context.Context, call func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside < lobbyCalls {
		l.inside++
		go l.work(call)
		return
	}
	g := &guest{call: call}
	g.stay = context.AfterFunc(ctx, func() { l.giveUp(g) })
	l.waiting = append(l.waiting, g)
}

// giveUp begins a call whose context has ended.
func (l *lobby) giveUp(g *guest) {
	l.mu.Lock()
	begin := !g.gone
	if begin {
		g.gone = true
		l.inside++ // until it leaves, as all others
	}
	l.mu.Unlock()
	if begin {
		g.call()
	}
}

// leave counts a call out, which is promised a result or has ended, and lets the
// next one begin.
func (l *lobby) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inside--
	for len(l.waiting) > 0 && l.inside < lobbyCalls {
		g := l.waiting[0]
		l.waiting[0] = nil
		l.waiting = l.waiting[1:]
		if g.gone {
			continue
		}
		g.gone = true
		g.stay()
		l.inside++
		l.begin(g.call)
	}
	if len(l.waiting) == 0 {
		l.waiting = nil
		for _, worker := range l.idle {
			close(worker)
		}
		l.idle = nil
	}
}

// begin makes a call in a goroutine that has made others, if there is one. l.mu is
// held.
func (l *lobby) begin(call func()) {
	last := len(l.idle) - 1
	if last < 0 {
		go l.work(call)
		return
	}
	l.idle[last] <- call
	l.idle = l.idle[:last]
}

// work makes calls for as long as others wait for their turn: a goroutine whose
// stack has grown already is worth keeping.
func (l *lobby) work(call func()) {
	next := make(chan func(), 1)
	for call != nil {
		call()
		l.mu.Lock()
		if len(l.waiting) == 0 || len(l.idle) == lobbyCalls {
			l.mu.Unlock()
			return
		}
		l.idle = append(l.idle, next)
		l.mu.Unlock()
		call = <-next // nil: there are no others any more
	}
}
