// Package sample turns a row of logits into a token and its log probability.
//
// It sits between package model, which computes the logits, and package
// engine, which appends the token. docs/sampling.md is the rule that it
// follows to the bit: the token is a function of the logits, the parameters,
// the seed, the sample index and the position, and of nothing else; a log
// probability is a function of the logits and the id, the same one for sampled
// tokens and for prompts. Exponentials, sums and selection are package kernel's.
//
// Whether a sequence ends is told by [Stops] and its matchers, which see
// token ids and bytes only. The package knows no sequence, batch or request.
package sample

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"tinsmith.example/internal/engine/kernel"
)

// ErrNonFinite is what [Row.Reset] and [Row.Next] return for logits with NaN
// or infinity among them.
var ErrNonFinite = errors.New("sample: a logit is not finite")

// MaxVocab is the most logits that a row may have. It keeps sums of masses
// within 63 bits.
const MaxVocab = 1 << 20

// maxPiece is how many logits are looked at twice in a row: they stay in the
// fastest cache.
const maxPiece = 4096

// A Row is one row of logits and what is derived from it. Reset gives it its
// logits; the other methods are about those. What a draw has worked out of the
// row, its weights at a temperature and what the filters keep, serves the next
// draw with the same parameters, whatever its seed, index and position. A Row
// keeps its buffers, so that reusing it for row after row allocates nothing; they
// take up to some 50 bytes for each id. The zero value is ready for Reset. One
// goroutine at a time may use a Row.
type Row struct {
	logits []float32 // [vocab], the caller's
	max    float32   // the largest of them
	logZ   float32   // log of the sum of exp(x-max)

	own    heat // at temperature 1
	other  heat // at the last other temperature that was asked for
	kept   kept // by the last filters that were asked for
	top    list // of the last TopK
	search search
	ids    []int32 // 0, 1, 2 and so on: at least [vocab]
}

// Reset makes r the row of these logits, one per id of the vocabulary. They
// must not change until the next Reset. The error is nil or ErrNonFinite, after
// which r is of no use before the next Reset. No logits, or more than MaxVocab,
// panic.
func (r *Row) Reset(logits []float32) error {
	if len(logits) == 0 || len(logits) > MaxVocab {
		panic(fmt.Sprintf("sample: %d logits, must be 1 to %d", len(logits), MaxVocab))
	}
	r.logits, r.other.invT, r.kept.valid = nil, 0, false
	r.max = -math.MaxFloat32
	for piece := range slices.Chunk(logits, maxPiece) {
		if !kernel.Finite(piece) {
			return ErrNonFinite
		}
		r.max = max(r.max, kernel.Max(piece))
	}
	r.logits = logits
	r.own.reset(logits, r.max, 1)
	z := 0.0
	for _, sum := range r.own.sums {
		z += float64(sum)
	}
	r.logZ = float32(kernel.Log(z))
	return nil
}

// Logprob is the model's own log probability of id, before temperature and
// filters. It is finite. An id outside the vocabulary panics.
func (r *Row) Logprob(id int32) float32 {
	below := max(r.logits[id]-r.max, -math.MaxFloat32) // the difference may overflow
	return max(below-r.logZ, -math.MaxFloat32)
}

// Next is Reset, Draw and Logprob in one: the token at a position and its log
// probability.
func (r *Row) Next(logits []float32, p Params, sampleIndex, position uint32) (id int32, logprob float32, err error) {
	if err := r.Reset(logits); err != nil {
		return 0, 0, err
	}
	id = r.Draw(p, sampleIndex, position)
	return id, r.Logprob(id), nil
}

// sized is a slice of n elements that reuses s's memory where it can. What is
// in it is left over from earlier.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
