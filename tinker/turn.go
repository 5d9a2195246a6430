package tinker

import (
	"slices"
	"sync"
)

// A line makes calls that run at the same time take turns, in the order in which
// they joined it. The zero value is an empty line.
type line struct {
	mu     sync.Mutex
	places []*place // the first has its turn
}

// A place is one call's in a line.
type place struct {
	turn chan struct{} // closed when it comes
}

func (l *line) join() *place {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &place{make(chan struct{})}
	l.places = append(l.places, p)
	if len(l.places) == 1 {
		close(p.turn)
	}
	return p
}

// leave gives up a place, be its turn over or not to come. To leave twice is to
// leave once.
func (l *line) leave(p *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.places, p)
	if i < 0 {
		return
	}
	l.places = slices.Delete(l.places, i, i+1)
	if i == 0 && len(l.places) > 0 {
		close(l.places[0].turn)
	}
}
