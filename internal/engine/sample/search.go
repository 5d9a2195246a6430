package sample

import (
	"math"
	"slices"

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
	sample, spare   [sampleSize]uint64
}

// sampleSize is how many logits are looked at to guess; so many are sorted.
const sampleSize = 256

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

// find returns the logit of the id at which a prefix of this row measures target
// or more, target >= 1, and what target exceeds the measure of all larger logits
// by. If all of the row measures less, ok is false. total is about the measure of
// the row: what is found does not depend on it.
func (s *search) find(logits, weights []float32, total, target int64) (border float32, rest int64, ok bool) {
	rest = target // of what is below the upper guesses so far
	turn := 0
	for len(logits) > sampleSize {
		lower, upper := s.guess(logits, weights, total, rest)
		var over int64
		if upper < infinity {
			if over = measureFrom(logits, weights, upper); over >= rest {
				over = measureFrom(logits, weights, kernel.Above(upper))
				if over < rest {
					return upper, rest - over, true
				}
				logits, weights = s.between(turn, logits, weights, upper, infinity)
				total, turn = over, 1-turn
				continue
			}
		}
		rest -= over
		x, w := s.between(turn, logits, weights, lower, upper)
		inside := measureFrom(x, w, -infinity)
		if inside < rest {
			rest -= inside
			equal := measureFrom(logits, weights, lower) - over - inside
			if equal >= rest {
				return lower, rest, true
			}
			rest -= equal
			total -= over + equal
			x, w = s.between(turn, logits, weights, -infinity, lower)
			inside = total - inside
		}
		logits, weights, total, turn = x, w, inside, 1-turn
	}
	return s.walk(logits, weights, rest)
}

// between moves what is between two logits to the buffers whose turn it is.
func (s *search) between(turn int, logits, weights []float32, above, below float32) (x, w []float32) {
	x, w = sized(s.logits[turn], len(logits)), sized(s.weights[turn], len(logits))
	s.logits[turn], s.weights[turn] = x, w
	if weights == nil {
		return x[:kernel.Gather(x, w, logits, logits, above, below)], nil
	}
	n := kernel.Gather(x, w, logits, weights, above, below)
	return x[:n], w[:n]
}

// guess returns two logits of the row, or infinities, between which rest is
// reached in all likelihood. It looks at one id in each of sampleSize equal
// parts, at a place that depends on the measure of the row, so that no pattern in
// a row hides from it.
//
// What the prefix leaves is what its size is guessed from, not what it keeps: ids
// that are left are not likelier than those at the border, so that a few of them
// stand for the others, while the likeliest ids of all are hardly ever seen.
func (s *search) guess(logits, weights []float32, total, rest int64) (lower, upper float32) {
	random := uint32(total) ^ uint32(rest)
	for i := range s.sample {
		random = random*1664525 + 1013904223 // Knuth and Lewis
		place := int((uint64(i)<<32 | uint64(random)) * uint64(len(logits)) / (sampleSize << 32))
		s.sample[i] = rank(logits[place], place)
	}
	sortRanks(s.sample[:], s.spare[:])

	left := max(float64(total-rest), 0) * sampleSize / float64(len(logits))
	margin := s.margin(weights, left)
	lower, upper = -infinity, infinity
	sum := 0.0
	for i := sampleSize - 1; i >= 0; i-- {
		place := placeOf(s.sample[i])
		if sum < left-margin {
			lower = logits[place]
		}
		sum += float64(measureAt(weights, place))
		if sum >= left+margin {
			upper = logits[place]
			break
		}
	}
	if lower == -infinity && upper == infinity { // so that something is left out
		upper = logits[placeOf(s.sample[sampleSize/2])]
		lower = upper
	}
	return lower, upper
}

// margin is three standard deviations of the sum of those ids of the sample that
// the prefix leaves, which is about left.
func (s *search) margin(weights []float32, left float64) float64 {
	var sum, squares, last float64
	for i := sampleSize - 1; i >= 0 && sum < left; i-- {
		last = float64(measureAt(weights, placeOf(s.sample[i])))
		sum += last
		squares += float64(last * last)
	}
	left = min(left, sum)
	return float64(3*math.Sqrt(max(squares-float64(left*left)/sampleSize, 0))) + last
}

// walk is find for a few logits.
func (s *search) walk(logits, weights []float32, rest int64) (border float32, _ int64, ok bool) {
	order := s.sample[:len(logits)]
	for i, x := range logits {
		order[i] = rank(x, i)
	}
	sortRanks(order, s.spare[:len(order)])
	for len(order) > 0 {
		x := logits[placeOf(order[0])]
		var equal int64
		for len(order) > 0 && logits[placeOf(order[0])] == x {
			equal += measureAt(weights, placeOf(order[0]))
			order = order[1:]
		}
		if equal >= rest {
			return x, rest, true
		}
		rest -= equal
	}
	return 0, 0, false
}

// placeIn returns the place of the logit, among those that equal border, at which
// these measure rest or more, 1 <= rest. There must be one.
func placeIn(logits, weights []float32, border float32, rest int64) int {
	for first := 0; ; first += kernel.GroupSize {
		x := logits[first:min(first+kernel.GroupSize, len(logits))]
		equal := kernel.CountFrom(x, border)
		if equal > 0 {
			equal -= kernel.CountFrom(x, kernel.Above(border))
		}
		if equal == 0 {
			continue
		}
		i := slices.IndexFunc(x, func(v float32) bool { return v == border })
		each := measureAt(weights, first+i)
		if int64(equal)*each < rest {
			rest -= int64(equal) * each
			continue
		}
		for ; ; i++ {
			if x[i] == border {
				if rest -= each; rest <= 0 {
					return first + i
				}
			}
		}
	}
}
