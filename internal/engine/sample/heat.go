package sample

import "tinsmith.example/internal/engine/kernel"

// A heat is the weights of a row at one temperature.
type heat struct {
	invT    float32   // 1/temperature; 0: there are none
	weights []float32 // [vocab]
	sums    []float32 // [groups]
}

func (h *heat) reset(logits []float32, max, invT float32) {
	h.invT = invT
	h.weights = sized(h.weights, len(logits))
	h.sums = sized(h.sums, kernel.Groups(len(logits)))
	kernel.ExpSums(h.sums, h.weights, logits, max, invT)
}

// heat is the weights of r at a temperature.
func (r *Row) heat(invT float32) *heat {
	if invT == 1 {
		return &r.own
	}
	if r.other.invT != invT {
		r.kept.valid = false // its weights may be these
		r.other.reset(r.logits, r.max, invT)
	}
	return &r.other
}
