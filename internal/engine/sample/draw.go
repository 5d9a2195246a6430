package sample

import (
	"math"
	"math/bits"

	"tinsmith.example/internal/engine/kernel"
)

// Draw is the token at position, counted from 0 for the first token that is
// sampled, of the sample with this index. It depends on r's logits and on the
// arguments only. Parameters outside their documented range panic.
func (r *Row) Draw(p Params, sampleIndex, position uint32) int32 {
	return r.drawAt(p, uniform(p.Seed, sampleIndex, position))
}

// DrawAlternative is a token that a prompt might have had at a position of its
// own, counted from 0: number draw of those that are drawn there. They are drawn
// as samples without filters are, but by numbers of their own, each for itself:
// two may be the same.
func (r *Row) DrawAlternative(temperature float64, seed uint64, draw, position uint32) int32 {
	return r.drawAt(Params{Temperature: temperature, TopP: 1}, uniformOf(streamAlternative, seed, draw, position))
}

// drawAt is the token that u decides.
func (r *Row) drawAt(p Params, u uint64) int32 {
	p.mustBeValid()
	if p.Temperature == 0 {
		return int32(firstFrom(r.logits, r.max))
	}
	invT := inverseTemperature(p.Temperature)
	if p.TopK > 0 && p.TopK < len(r.logits) || p.TopP < 1 || p.MinP > 0 {
		return r.filter(p, invT).draw(u)
	}
	return drawFromAll(u, r.heat(invT))
}

// firstFrom is the first place of x with a value of floor or more. There must be
// one.
func firstFrom(x []float32, floor float32) int {
	first := 0
	for len(x)-first > kernel.GroupSize && kernel.CountFrom(x[first:first+kernel.GroupSize], floor) == 0 {
		first += kernel.GroupSize
	}
	for x[first] < floor {
		first++
	}
	return first
}

// Weights are at most 1, and the likeliest id's is 1. As integers, in units of
// 2^-42 (kernel.Mass), they can be added in any order. Group sums are chosen from
// in these units. Inside of a group fineBits are used: 1024 times 2^53 fits in 64
// bits, and a group with a mass above 0 always has an id with a fine mass
// above 0 (weights that are all below 2^-53 sum to less than 2^-42).
const fineBits = 53

// fineMass is w in units of 2^-fineBits, cut off. w <= 1.
func fineMass(w float32) uint64 { return uint64(int64(w * (1 << fineBits))) }

// totalMass is the mass of all groups.
func totalMass(sums []float32) int64 {
	var total int64
	for _, sum := range sums {
		total += kernel.Mass(sum)
	}
	return total
}

// share is the part p of a mass, rounded up, so that a mass is at least p of
// total if and only if it is at least share(p, total). It is at least 1.
func share(p float64, total int64) int64 {
	return int64(math.Ceil(p * float64(total)))
}

// scaled is u's place in [0, total), u standing for u / 2^64.
func scaled(u uint64, total int64) int64 {
	hi, _ := bits.Mul64(u, uint64(total))
	return int64(hi)
}

// drawFromAll finds u's place among the groups by their sums, and then among
// the ids of one group by their weights. The place in the group is stretched
// from the group's mass to the sum of its ids' fine masses: these differ by
// rounding, and no id's share must depend on where in the group it stands.
func drawFromAll(u uint64, h *heat) int32 {
	place := scaled(u, totalMass(h.sums))
	group := 0
	for place >= kernel.Mass(h.sums[group]) {
		place -= kernel.Mass(h.sums[group])
		group++
	}
	first := group * kernel.GroupSize
	weights := h.weights[first:min(first+kernel.GroupSize, len(h.weights))]
	var fine uint64
	for _, w := range weights {
		fine += fineMass(w)
	}
	hi, lo := bits.Mul64(uint64(place), fine)
	rest, _ := bits.Div64(hi, lo, uint64(kernel.Mass(h.sums[group])))
	for i, w := range weights {
		m := fineMass(w)
		if rest < m {
			return int32(first + i)
		}
		rest -= m
	}
	panic("sample: a place beyond its group")
}
