package sample

import (
	"math"
	"math/rand/v2"
	"slices"
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

func TestRanksAreSorted(t *testing.T) {
	rnd := rand.New(rand.NewPCG(21, 22))
	for _, shape := range shapes {
		for _, n := range []int{0, 1, 2, 47, 48, 49, 256, 5000} {
			ranks := make([]uint64, n)
			for i, x := range shape.row(rnd, n) {
				ranks[i] = rank(x, i)
			}
			want := slices.Sorted(slices.Values(ranks))
			if sortRanks(ranks, make([]uint64, n)); !slices.Equal(ranks, want) {
				t.Errorf("%d ranks of a row that is %s are not sorted", n, shape.name)
			}
		}
	}
}
