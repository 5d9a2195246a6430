package server

import "container/list"

// A shelf holds the samples whose answers are kept, and says which to forget
// when they are too many: first those that a client has had, oldest delivery
// first, then the others, oldest answer first.
type shelf struct {
	budget, bytes          int64
	delivered, undelivered list.List // of *future
}

func (s *shelf) listOf(f *future) *list.List {
	if f.delivered {
		return &s.delivered
	}
	return &s.undelivered
}

func (s *shelf) put(f *future) {
	f.place = s.listOf(f).PushBack(f)
	s.bytes += f.size()
}

// remove takes f off. f.delivered must be as it was when f was put.
func (s *shelf) remove(f *future) {
	s.listOf(f).Remove(f.place)
	f.place = nil
	s.bytes -= f.size()
}

// excess returns what to forget next to keep to the budget, and nil if nothing:
// the newest answer is always kept, or a large one could never be fetched.
func (s *shelf) excess(newest *future) *future {
	if s.bytes <= s.budget {
		return nil
	}
	for _, l := range []*list.List{&s.delivered, &s.undelivered} {
		for e := l.Front(); e != nil; e = e.Next() {
			if f := e.Value.(*future); f != newest {
				return f
			}
		}
	}
	return nil
}
