package sample

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
	l := &r.top
	l.fill(r, k)
	l.order, l.spare = sized(l.order, k), sized(l.spare, k)
	for i, x := range l.logits {
		l.order[i] = rank(x, i)
	}
	sortRanks(l.order, l.spare)
	for _, o := range l.order {
		id := l.ids[placeOf(o)]
		dst = append(dst, TokenLogprob{ID: id, Logprob: r.Logprob(id)})
	}
	return dst
}
