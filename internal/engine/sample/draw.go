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
		return r.greedy()
	}
	invT := inverseTemperature(p.Temperature)
	byCount, byMass := p.TopK > 0 && p.TopK < len(r.logits), p.TopP < 1
	switch {
	case byCount:
		r.picked.likeliest(r, p.TopK)
		total := r.picked.weigh(r, invT)
		if byMass {
			total = r.picked.keep(r.picked.shortest(share(p.TopP, total)))
		}
		return r.picked.draw(u, total)
	case byMass:
		total := r.picked.nucleus(r, p.TopP, r.heat(invT), invT)
		return r.picked.draw(u, total)
	}
	return r.drawFromAll(u, r.heat(invT), invT)
}

// greedy is the lowest of the likeliest ids.
func (r *Row) greedy() int32 {
	for id, x := range r.logits {
		if x == r.max {
			return int32(id)
		}
	}
	panic("sample: no logit is the maximum")
}

// heat returns the group sums of the weights at a temperature.
func (r *Row) heat(invT float32) []float32 {
	if invT == 1 {
		return r.sums
	}
	r.heated = sized(r.heated, len(r.sums))
	kernel.ExpSums(r.heated, nil, r.logits, r.max, invT)
	return r.heated
}

// Weights are at most 1, and the likeliest id's is 1. As integers, in units of
// 2^-massBits, they can be added in any order. Group sums are chosen from in
// these units. Inside of a group fineBits are used: 1024 times 2^53 fits in 64
// bits, and a group with a mass above 0 always has an id with a fine mass
// above 0 (weights that are all below 2^-53 sum to less than 2^-42).
const (
	massBits = 42
	fineBits = 53
)

// mass is w in units of 2^-massBits, cut off. w is a weight or the sum of the
// weights of a group.
func mass(w float32) int64 { return int64(w * (1 << massBits)) }

// fineMass is w in units of 2^-fineBits, cut off. w <= 1.
func fineMass(w float32) uint64 { return uint64(int64(w * (1 << fineBits))) }

// totalMass is the mass of all groups.
func totalMass(sums []float32) int64 {
	var total int64
	for _, sum := range sums {
		total += mass(sum)
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
func (r *Row) drawFromAll(u uint64, sums []float32, invT float32) int32 {
	place := scaled(u, totalMass(sums))
	group := 0
	for place >= mass(sums[group]) {
		place -= mass(sums[group])
		group++
	}
	first := group * kernel.GroupSize
	logits := r.logits[first:min(first+kernel.GroupSize, len(r.logits))]
	r.weights = sized(r.weights, len(logits))
	var ignored [1]float32
	kernel.ExpSums(ignored[:], r.weights, logits, r.max, invT)
	var fine uint64
	for _, w := range r.weights {
		fine += fineMass(w)
	}
	hi, lo := bits.Mul64(uint64(place), fine)
	rest, _ := bits.Div64(hi, lo, uint64(mass(sums[group])))
	for i, w := range r.weights {
		m := fineMass(w)
		if rest < m {
			return int32(first + i)
		}
		rest -= m
	}
	panic("sample: a place beyond its group")
}
