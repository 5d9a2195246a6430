package sample

import "tinsmith.example/internal/engine/kernel"

// A list is the first ids of the order of ranks, in rising order of ids.
type list struct {
	ids    []int32
	logits []float32

	order, spare []uint64 // left over from TopK
}

// fill makes l the list of the likeliest k ids of r: 1 <= k <= len(r.logits).
func (l *list) fill(r *Row, k int) {
	for id := len(r.ids); id < len(r.logits); id++ {
		r.ids = append(r.ids, int32(id))
	}
	n := len(r.logits)
	e, _ := r.search.find(r.logits, nil, int64(n), int64(k))
	last := e.last(r.logits)
	x, ids := sized(l.logits, n), sized(l.ids, n)
	from := kernel.Gather(x, ids, r.logits[:last+1], r.ids[:last+1], kernel.Below(e.border), infinity)
	kernel.Gather(x[from:], ids[from:], r.logits[last+1:], r.ids[last+1:n], e.border, infinity)
	l.logits, l.ids = x[:k], ids[:k]
}
