package sample

import (
	"math"
	"slices"
)

// depth maps finite float32 values to integers in the opposite order, -0 and
// +0 to the same one. It has no branch, since signs are hard to predict.
func depth(x float32) uint32 {
	b := math.Float32bits(x)
	negative := uint32(int32(b) >> 31) // all ones or none
	// The bits of a negative float rise as it falls, from 1<<31 for -0; those
	// of others are inverted, from 1<<31-1 for +0 down. Adding -1 to the former
	// brings -0 and +0 together.
	return (b ^ (1<<31-1)&^negative) + negative
}

// rank is an integer that rises in the order of ranks: larger logits first, of
// equal ones the one with the lower place.
func rank(x float32, place int) uint64 { return uint64(depth(x))<<32 | uint64(place) }

// placeOf is the place that a rank was made from.
func placeOf(rank uint64) int { return int(uint32(rank)) }

// sortRanks sorts ranks whose places rise. spare has the same length. Comparing
// takes several ns a step, since its outcome is hard to predict; so more than a
// few are sorted by the bytes of their depths, the lowest byte first.
func sortRanks(ranks, spare []uint64) {
	if len(ranks) < 48 {
		slices.Sort(ranks)
		return
	}
	var counts [4][256]int32
	for _, r := range ranks {
		counts[0][r>>32&255]++
		counts[1][r>>40&255]++
		counts[2][r>>48&255]++
		counts[3][r>>56]++
	}
	from, to := ranks, spare
	for digit := range counts {
		shift := 32 + 8*digit
		next := &counts[digit]
		if int(next[from[0]>>shift&255]) == len(from) {
			continue // all have the same one
		}
		at := int32(0)
		for i, n := range next {
			next[i] = at
			at += n
		}
		for _, r := range from {
			d := r >> shift & 255
			to[next[d]] = r
			next[d]++
		}
		from, to = to, from
	}
	if &from[0] != &ranks[0] {
		copy(ranks, from)
	}
}
