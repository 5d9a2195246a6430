package tokenizer

import (
	"math/bits"
	"math/rand/v2"
	"sync"
)

// A merger does byte pair encoding: it joins a piece's bytes to tokens, always
// the pair of neighbours that was learnt first, the leftmost of several.
type merger struct {
	byteID [256]int32 // the token of a single byte; -1: there is none, the byte is dropped
	pairs  pairTable
	whole  map[string]int32 // bytes to token, if a whole piece is looked up first; else nil
	cache  *pieceCache
}

// append appends piece's ids to dst.
func (m *merger) append(dst []int32, piece string) []int32 {
	if len(piece) == 1 {
		if id := m.byteID[piece[0]]; id >= 0 {
			dst = append(dst, id)
		}
		return dst
	}
	slot := m.cache.slot(piece)
	if slot != nil {
		if hit := slot.Load(); hit != nil && hit.piece == piece {
			return append(dst, hit.ids...)
		}
	}
	start := len(dst)
	if id, ok := m.whole[piece]; ok {
		dst = append(dst, id)
	} else {
		w := workspaces.Get().(*workspace)
		dst = w.merge(dst, piece, m)
		workspaces.Put(w)
	}
	if slot != nil {
		remember(slot, piece, dst[start:])
	}
	return dst
}

// workspaces keeps memory for merging from call to call.
var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// A workspace is the state of merging one piece.
type workspace struct {
	ids  []int32 // the tokens so far
	rank []uint32
	// For long pieces: the tokens as a list by index, and what could be merged.
	prev, next []int32
	queue      []candidate
}

// scanLimit is the number of tokens up to which looking at all pairs for the
// best is faster than keeping them in a heap.
const scanLimit = 48

// maxKeptTokens bounds the memory that a pooled workspace holds on to.
const maxKeptTokens = 1 << 16

func (w *workspace) merge(dst []int32, piece string, m *merger) []int32 {
	w.ids = w.ids[:0]
	for i := range len(piece) {
		if id := m.byteID[piece[i]]; id >= 0 {
			w.ids = append(w.ids, id)
		}
	}
	if len(w.ids) <= scanLimit {
		return w.mergeShort(dst, m)
	}
	dst = w.mergeLong(dst, m)
	if cap(w.ids) > maxKeptTokens {
		*w = workspace{}
	}
	return dst
}

// mergeShort looks for the best pair again after every merge.
func (w *workspace) mergeShort(dst []int32, m *merger) []int32 {
	ids := w.ids
	rank := w.rank[:0] // rank[i] is that of the pair ids[i], ids[i+1]
	for i := 0; i+1 < len(ids); i++ {
		r, _ := m.pairs.find(ids[i], ids[i+1])
		rank = append(rank, r)
	}
	for len(rank) > 0 {
		best := 0
		for i, r := range rank {
			if r < rank[best] {
				best = i
			}
		}
		if rank[best] == noRank {
			break
		}
		_, ids[best] = m.pairs.find(ids[best], ids[best+1])
		ids = append(ids[:best+1], ids[best+2:]...)
		rank = append(rank[:best], rank[best+1:]...)
		if best > 0 {
			rank[best-1], _ = m.pairs.find(ids[best-1], ids[best])
		}
		if best < len(rank) {
			rank[best], _ = m.pairs.find(ids[best], ids[best+1])
		}
	}
	w.rank = rank
	return append(dst, ids...)
}

// A candidate is a pair that could be merged. It is stale once either of its
// tokens has changed.
type candidate struct {
	order       uint64 // the rank, and in the low half the index of the left token
	left, right int32
}

func newCandidate(rank uint32, pos, left, right int32) candidate {
	return candidate{uint64(rank)<<32 | uint64(pos), left, right}
}

func (c candidate) pos() int32 { return int32(c.order) }

// gone marks the place of a token that was merged into its left neighbour.
const gone = -1

// mergeLong keeps the pairs in a heap, so that its time grows as n log n.
func (w *workspace) mergeLong(dst []int32, m *merger) []int32 {
	n := len(w.ids)
	w.prev, w.next, w.queue = w.prev[:0], w.next[:0], w.queue[:0]
	for i := range n {
		w.prev = append(w.prev, int32(i-1))
		w.next = append(w.next, int32(i+1))
	}
	for i := range n - 1 {
		if r, _ := m.pairs.find(w.ids[i], w.ids[i+1]); r != noRank {
			w.queue = append(w.queue, newCandidate(r, int32(i), w.ids[i], w.ids[i+1]))
		}
	}
	for i := len(w.queue)/2 - 1; i >= 0; i-- {
		w.sink(i)
	}
	for len(w.queue) > 0 {
		c := w.pop()
		pos := c.pos()
		right := w.next[pos]
		if w.ids[pos] != c.left || int(right) >= n || w.ids[right] != c.right {
			continue
		}
		_, w.ids[pos] = m.pairs.find(c.left, c.right)
		w.ids[right] = gone
		after := w.next[right]
		w.next[pos] = after
		if int(after) < n {
			w.prev[after] = pos
			w.offer(pos, after, m)
		}
		if before := w.prev[pos]; before >= 0 {
			w.offer(before, pos, m)
		}
	}
	for i := 0; i < n; i = int(w.next[i]) {
		dst = append(dst, w.ids[i])
	}
	return dst
}

// offer puts the pair at left and right into the heap if it can be merged.
func (w *workspace) offer(left, right int32, m *merger) {
	r, _ := m.pairs.find(w.ids[left], w.ids[right])
	if r == noRank {
		return
	}
	w.queue = append(w.queue, newCandidate(r, left, w.ids[left], w.ids[right]))
	q := w.queue
	for i := len(q) - 1; i > 0; {
		up := (i - 1) / 2
		if q[i].order >= q[up].order {
			break
		}
		q[i], q[up] = q[up], q[i]
		i = up
	}
}

func (w *workspace) pop() candidate {
	q := w.queue
	top := q[0]
	q[0] = q[len(q)-1]
	w.queue = q[:len(q)-1]
	w.sink(0)
	return top
}

func (w *workspace) sink(i int) {
	q := w.queue
	for {
		least := 2*i + 1
		if least >= len(q) {
			return
		}
		if r := least + 1; r < len(q) && q[r].order < q[least].order {
			least = r
		}
		if q[least].order >= q[i].order {
			return
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}

// noRank is the rank of a pair that is never merged.
const noRank = ^uint32(0)

// A pairTable maps pairs of neighbours to what they merge to: an open-addressed
// hash table, since a lookup for every pair of bytes is most of the work.
type pairTable struct {
	entries []pairEntry // a power of two of them, at most half of them used
	shift   uint        // a hash's top bits are the index
	factor  uint64      // odd and drawn at random, so that no file can aim at collisions
}

type pairEntry struct {
	left, right int32 // left is -1 in unused entries
	rank        uint32
	id          int32 // the merged token
}

func newPairTable(pairs int) pairTable {
	log := max(bits.Len(uint(2*pairs)), 1)
	t := pairTable{
		entries: make([]pairEntry, 1<<log),
		shift:   64 - uint(log),
		factor:  rand.Uint64() | 1,
	}
	for i := range t.entries {
		t.entries[i].left = -1
	}
	return t
}

// at returns the entry of the pair, or the unused one where it belongs.
func (t *pairTable) at(left, right int32) *pairEntry {
	i := (uint64(uint32(left))<<32 | uint64(uint32(right))) * t.factor >> t.shift
	for {
		e := &t.entries[i]
		if e.left == left && e.right == right || e.left < 0 {
			return e
		}
		i = (i + 1) & uint64(len(t.entries)-1)
	}
}

// find returns the pair's rank and the token it merges to; noRank if it is
// never merged.
func (t *pairTable) find(left, right int32) (rank uint32, id int32) {
	if e := t.at(left, right); e.left >= 0 {
		return e.rank, e.id
	}
	return noRank, 0
}

// add enters a pair. A pair entered again keeps its latest rank.
func (t *pairTable) add(left, right int32, rank uint32, id int32) {
	*t.at(left, right) = pairEntry{left, right, rank, id}
}
