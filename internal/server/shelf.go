package server

import "container/list"

// A shelf holds the samples of one account whose answers are kept, and says
// which to forget first: those that a client has had, oldest delivery first,
// then the others, oldest answer first.
type shelf struct {
	bytes                  int64
	waiting                int64     // of these, what nobody has fetched
	delivered, undelivered list.List // of *future
}

func (s *shelf) listOf(f *future) *list.List {
	if f.delivered {
		return &s.delivered
	}
	return &s.undelivered
}

func (s *shelf) empty() bool { return s.delivered.Len() == 0 && s.undelivered.Len() == 0 }

// put returns how many bytes f takes, and how many of them wait.
func (s *shelf) put(f *future) (bytes, waiting int64) {
	f.place = s.listOf(f).PushBack(f)
	bytes, waiting = sizes(f)
	s.bytes += bytes
	s.waiting += waiting
	return bytes, waiting
}

// remove takes f off. f.delivered must be as it was when f was put.
func (s *shelf) remove(f *future) (bytes, waiting int64) {
	s.listOf(f).Remove(f.place)
	f.place = nil
	bytes, waiting = sizes(f)
	s.bytes -= bytes
	s.waiting -= waiting
	return bytes, waiting
}

func sizes(f *future) (bytes, waiting int64) {
	bytes = f.size()
	if !f.delivered {
		waiting = bytes
	}
	return bytes, waiting
}

// next returns what to forget next, and nil if nothing: the newest answer is
// always kept, or a large one could never be fetched.
func (s *shelf) next(newest *future) *future {
	for _, l := range []*list.List{&s.delivered, &s.undelivered} {
		for e := l.Front(); e != nil; e = e.Next() {
			if f := e.Value.(*future); f != newest {
				return f
			}
		}
	}
	return nil
}
