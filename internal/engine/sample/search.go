package sample

import (
	"math"

	"tinsmith.example/internal/engine/kernel"
)

// All filters keep a prefix of the order of ranks, whose length is given by a
// measure: so many ids, or so much mass. A search finds where the prefix ends
// without sorting the row: a random part of it tells between which two logits
// the end lies most probably; the row is measured down to the upper one, and what
// is between the two goes the same way, until it is little enough to be sorted.
// A bad guess costs time and changes nothing.
//
// Source: Floyd and Rivest, "Expected time bounds for selection", Communications
// of the ACM 18 (1975). Theirs counts elements; here they have weights.
type search struct {
	logits, weights [2][]float32 // what is left of the row, by turns
	sample, spare   [maxSample]uint64
}

// How a guess is made of this many logits or more: how many of them it looks at,
// and how many standard deviations it leaves as a margin. A wrong guess about a
// whole row is dear, a wrong one about what is left of it is not.
var guesses = []struct {
	logits, sample int
	deviations     float64
}{{1 << 14, maxSample, 3}, {0, 128, 2}}

const (
	maxSample = 256
	fewEnough = 192 // so many are sorted
)

// An end is where a prefix ends: among the ids with a certain logit.
type end struct {
	border float32
	rest   int64 // what these must measure: the prefix has no more of them
	equal  int64 // what they measure
	each   int64 // what one of them does
}

// Weights nil stands for a measure by count: each id measures 1. Else it
// measures its mass.
func measureFrom(logits, weights []float32, floor float32) int64 {
	if weights == nil {
		return int64(kernel.CountFrom(logits, floor))
	}
	return kernel.MassFrom(logits, weights, floor, 0)
}

func measureAt(weights []float32, place int) int64 {
	if weights == nil {
		return 1
	}
	return kernel.Mass(weights[place])
}

var infinity = float32(math.Inf(1))

// find returns where the shortest prefix of this row ends that measures target
// or more, target >= 1. If all of the row measures less, ok is false. Ids with
// equal logits have equal weights. total is about the measure of the row: what is
// found does not depend on it.
func (s *search) find(logits, weights []float32, total, target int64) (e end, ok bool) {
	rest := target // of what is below the upper guesses so far
	for turn := 0; len(logits) > fewEnough; turn = 1 - turn {
		lower, upper := s.guess(logits, weights, total, rest)
		over, x, w := s.part(turn, logits, weights, lower.logit, upper.logit)
		if over >= rest {
			above := measureFrom(logits, weights, kernel.Above(upper.logit))
			if above < rest {
				return end{upper.logit, rest - above, over - above, measureAt(weights, upper.place)}, true
			}
			_, logits, weights = s.part(turn, logits, weights, upper.logit, infinity)
			total = above
			continue
		}
		rest -= over
		inside := measureFrom(x, w, -infinity)
		if inside < rest && lower.place >= 0 {
			rest -= inside
			equal := measureFrom(logits, weights, lower.logit) - over - inside
			if equal >= rest {
				return end{lower.logit, rest, equal, measureAt(weights, lower.place)}, true
			}
			rest -= equal
			total -= over + inside + equal
			_, logits, weights = s.part(turn, logits, weights, -infinity, lower.logit)
			continue
		}
		if inside < rest {
			return end{}, false
		}
		logits, weights, total = x, w, inside
	}
	return s.walk(logits, weights, rest)
}

// part measures what is at upper or over it, and moves what is between lower and
// upper to the buffers whose turn it is.
func (s *search) part(turn int, logits, weights []float32, lower, upper float32) (over int64, x, w []float32) {
	x, w = sized(s.logits[turn], len(logits)), sized(s.weights[turn], len(logits))
	s.logits[turn], s.weights[turn] = x, w
	var n int
	switch {
	case weights == nil:
		over = measureFrom(logits, nil, upper)
		return over, x[:kernel.Gather(x, w, logits, logits, lower, upper)], nil
	case upper == infinity:
		n = kernel.Gather(x, w, logits, weights, lower, upper)
	case lower == upper:
		over = measureFrom(logits, weights, upper)
	default:
		n, over = kernel.Part(x, w, logits, weights, lower, upper)
	}
	return over, x[:n], w[:n]
}

// A bound is a logit and a place where it is found; at an infinity the place is
// negative.
type bound struct {
	logit float32
	place int
}

// guess returns two logits of the row, or infinities, but not both, between which
// rest is reached in all likelihood. It looks at one id in each of so many equal
// parts, at a place that depends on the measure of the row, so that no pattern in
// a row hides from it.
//
// What the prefix leaves is what its size is guessed from, not what it keeps: ids
// that are left are not likelier than those at the border, so that a few of them
// stand for the others, while the likeliest ids of all are hardly ever seen.
func (s *search) guess(logits, weights []float32, total, rest int64) (lower, upper bound) {
	how := guesses[0]
	if len(logits) < how.logits {
		how = guesses[1]
	}
	size := how.sample
	sample := s.sample[:size]
	random := uint32(total) ^ uint32(rest)
	for i := range sample {
		random = random*1664525 + 1013904223 // Knuth and Lewis
		place := int((uint64(i)<<32 | uint64(random)) * uint64(len(logits)) >> 32 / uint64(size))
		sample[i] = rank(logits[place], place)
	}
	sortRanks(sample, s.spare[:size])

	left := max(float64(total-rest), 0) * float64(size) / float64(len(logits))
	margin := float64(how.deviations * deviation(sample, weights, left))
	atLeast := left - min(margin, 7./8*left)
	lower, upper = bound{-infinity, -1}, bound{infinity, -1}
	sum := 0.0
	for i := size - 1; i >= 0; i-- {
		place := placeOf(sample[i])
		if sum < atLeast {
			lower = bound{logits[place], place}
		}
		sum += float64(measureAt(weights, place))
		if sum >= left+margin {
			upper = bound{logits[place], place}
			break
		}
	}
	if lower.place < 0 && upper.place < 0 { // something must be left out
		place := placeOf(sample[size/2])
		lower = bound{logits[place], place}
		upper = lower
	}
	return lower, upper
}

// deviation is the standard deviation of the sum of those ids of the sample that
// the prefix leaves, which is about left. It is at least what one id measures.
func deviation(sample []uint64, weights []float32, left float64) float64 {
	var sum, squares, last float64
	for i := len(sample) - 1; i >= 0 && sum < left; i-- {
		last = float64(measureAt(weights, placeOf(sample[i])))
		sum += last
		squares += float64(last * last)
	}
	left = min(left, sum)
	variance := squares - float64(left*left)/float64(len(sample))
	return math.Sqrt(max(variance, float64(last*last)))
}

// walk is find for a few logits.
func (s *search) walk(logits, weights []float32, rest int64) (e end, ok bool) {
	order := s.sample[:len(logits)]
	for i, x := range logits {
		order[i] = rank(x, i)
	}
	sortRanks(order, s.spare[:len(order)])
	for len(order) > 0 {
		first := placeOf(order[0])
		e = end{logits[first], rest, 0, measureAt(weights, first)}
		for len(order) > 0 && logits[placeOf(order[0])] == e.border {
			e.equal += e.each
			order = order[1:]
		}
		if e.equal >= rest {
			return e, true
		}
		rest -= e.equal
	}
	return end{}, false
}

// last returns the place in logits of the last id of the prefix, or a later one
// if all ids with its logit belong to the prefix.
func (e end) last(logits []float32) int {
	wanted := int((e.rest + e.each - 1) / e.each)
	if int64(wanted)*e.each == e.equal {
		return len(logits) - 1
	}
	for first := 0; ; first += kernel.GroupSize {
		x := logits[first:min(first+kernel.GroupSize, len(logits))]
		equal := kernel.CountFrom(x, e.border)
		if equal > 0 {
			equal -= kernel.CountFrom(x, kernel.Above(e.border))
		}
		if equal < wanted {
			wanted -= equal
			continue
		}
		for i, v := range x {
			if v == e.border {
				if wanted--; wanted == 0 {
					return first + i
				}
			}
		}
	}
}

// measure is what the prefix measures, of target.
func (e end) measure(target int64) int64 {
	return target - e.rest + (e.rest+e.each-1)/e.each*e.each
}
