package server

import "slices"

// A seqSet is a set of request numbers. Clients count up, so that it is a few
// ranges however many numbers there are. The zero value is empty.
type seqSet struct {
	ranges []seqRange // in rising order, with at least one number between two
}

// A seqRange holds the numbers from first to last, both included.
type seqRange struct{ first, last int64 }

// find returns the index of the first range that ends at n or later.
func (s *seqSet) find(n int64) int {
	i, _ := slices.BinarySearchFunc(s.ranges, n, func(r seqRange, n int64) int {
		if r.last < n {
			return -1
		}
		return 1
	})
	return i
}

func (s *seqSet) has(n int64) bool {
	i := s.find(n)
	return i < len(s.ranges) && s.ranges[i].first <= n
}

// add puts n, which is not negative, into the set.
func (s *seqSet) add(n int64) {
	if s.has(n) {
		return
	}
	i := s.find(n)
	after := i < len(s.ranges) && s.ranges[i].first-1 == n
	before := i > 0 && s.ranges[i-1].last == n-1
	switch {
	case before && after:
		s.ranges[i-1].last = s.ranges[i].last
		s.ranges = slices.Delete(s.ranges, i, i+1)
	case before:
		s.ranges[i-1].last = n
	case after:
		s.ranges[i].first = n
	default:
		s.ranges = slices.Insert(s.ranges, i, seqRange{n, n})
	}
}
