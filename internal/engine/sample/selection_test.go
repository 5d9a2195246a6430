package sample

import (
	"math"
	"testing"
)

func TestDepthRisesAsValuesFall(t *testing.T) {
	const tiny, huge = math.SmallestNonzeroFloat32, math.MaxFloat32
	falling := []float32{huge, 2, 1.5, math.Nextafter32(1, 2), 1, 0x1p-126, tiny, 0, -tiny, -0x1p-126, -1, math.Nextafter32(-1, -2), -2, -huge}
	for i := range falling[1:] {
		if a, b := falling[i], falling[i+1]; depth(a) >= depth(b) {
			t.Errorf("depth(%v) = %d is not below depth(%v) = %d", a, depth(a), b, depth(b))
		}
	}
	if zero := float32(0); depth(-zero) != depth(zero) {
		t.Errorf("depth(-0) = %d, depth(+0) = %d", depth(-zero), depth(zero))
	}
}

// FuzzShortest holds the search by buckets against adding up a sorted list.
func FuzzShortest(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint16(9))
	f.Add([]byte{0, 0, 0, 0, 1, 0, 255, 255, 9}, uint16(1))
	f.Fuzz(func(t *testing.T, raw []byte, target uint16) {
		var s selection
		want, have := rank(0, 0), int64(0)
		byRank := map[uint64]int64{}
		for i := 0; i+2 < len(raw); i += 3 {
			id := int32(i)
			d := uint32(raw[i]) << (raw[i+1] & 31)
			s.ids, s.depths, s.masses = append(s.ids, id), append(s.depths, d), append(s.masses, int64(raw[i+2]))
			byRank[rank(d, id)] = int64(raw[i+2])
		}
		if len(s.ids) == 0 || target == 0 {
			t.Skip()
		}
		for len(byRank) > 0 && have < int64(target) {
			first := uint64(math.MaxUint64)
			for r := range byRank {
				first = min(first, r)
			}
			want, have = first, have+byRank[first]
			delete(byRank, first)
		}
		if end := s.shortest(int64(target)); rank(end.depth, end.id) != want {
			t.Fatalf("ids %v, depths %v, masses %v, target %d: ends at %+v, want depth %d, id %d",
				s.ids, s.depths, s.masses, target, end, want>>32, uint32(want))
		}
	})
}
