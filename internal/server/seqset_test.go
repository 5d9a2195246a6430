package server

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSeqSetIsASet: against a map.
func TestSeqSetIsASet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var set seqSet
		want := map[int64]bool{}
		for range 60 {
			n := r.Int64N(40)
			set.add(n)
			want[n] = true
			for i := range int64(41) {
				if set.has(i) != want[i] {
					t.Fatalf("%v: has(%d) = %v", set.ranges, i, set.has(i))
				}
			}
		}
		for i, one := range set.ranges {
			if one.first > one.last || i > 0 && set.ranges[i-1].last+1 >= one.first {
				t.Fatalf("ranges touch or are out of order: %v", set.ranges)
			}
		}
	}
}

// TestSeqSetStaysSmall: a client's numbers are one range, in whatever order
// they come in the end.
func TestSeqSetStaysSmall(t *testing.T) {
	var set seqSet
	for _, n := range rand.New(rand.NewPCG(3, 4)).Perm(10_000) {
		set.add(int64(n))
	}
	set.add(math.MaxInt64)
	set.add(math.MaxInt64 - 1)
	if len(set.ranges) != 2 || !set.has(math.MaxInt64) || set.has(10_000) {
		t.Errorf("%v, want two ranges", set.ranges)
	}
}
