package sample

import "slices"

// A TokenLogprob is an id with its log probability.
type TokenLogprob struct {
	ID      int32
	Logprob float32
}

// TopK appends the k likeliest ids to dst, the likeliest first, of equals the
// lower id first, with the model's own log probabilities. A k above the size of
// the vocabulary gives all of it; k < 1 nothing.
func (r *Row) TopK(dst []TokenLogprob, k int) []TokenLogprob {
	k = min(k, len(r.logits))
	if k < 1 {
		return dst
	}
	s := &r.picked
	s.likeliest(r, k)
	s.order = sized(s.order, k)
	for i, id := range s.ids {
		s.order[i] = rank(depth(r.logits[id]), id)
	}
	slices.Sort(s.order)
	for _, o := range s.order {
		id := int32(uint32(o))
		dst = append(dst, TokenLogprob{ID: id, Logprob: r.Logprob(id)})
	}
	return dst
}
