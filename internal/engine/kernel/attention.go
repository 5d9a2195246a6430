package kernel

// SpanPositions is the unit in which attention sums: spans of 512 positions,
// anchored at position 0.
const SpanPositions = 512

const spanBlocks = SpanPositions / BlockPositions

// MaxAttentionRows bounds the rows of one Attend, and so its scratch.
const MaxAttentionRows = 48

// Attention is the working memory of one goroutine's Attend.
type Attention struct {
	layout  KVLayout
	scores  []float32 // [rows, 512] of one span
	weights *Planes   // the same, exponentiated and split
	span    []float32 // [rows, padded headDim] output of one span
	out     []float32 // [rows, padded headDim] of all spans so far
	spanMax []float32 // [rows] of one span
	spanSum []float32 // [rows]
	max     []float32 // [rows] of all spans so far
	sum     []float32 // [rows]
	scratch *Scratch  // of the linear layers
}

// NewAttention makes working memory for heads of that layout.
func NewAttention(l KVLayout) *Attention {
	dim := l.valueTiles * TileN
	return &Attention{
		layout:  l,
		scores:  alignedFloats(MaxAttentionRows * SpanPositions),
		weights: NewPlanes(MaxAttentionRows, SpanPositions),
		span:    alignedFloats(MaxAttentionRows * dim),
		out:     alignedFloats(MaxAttentionRows * dim),
		spanMax: make([]float32, MaxAttentionRows),
		spanSum: make([]float32, MaxAttentionRows),
		max:     make([]float32, MaxAttentionRows),
		sum:     make([]float32, MaxAttentionRows),
		scratch: NewScratch(),
	}
}

// Attend computes softmax(QKᵀ)V for count rows of q from row first on, all of
// one key-value head of one sequence; the queries carry the factor
// 1/sqrt(headDim) already. Row i is at position pos+i/perPos and sees positions
// 0 to that one. blocks holds the head's part of each of the sequence's blocks.
// result(i) is where row i's [headDim] outputs go. after is what the caller is
// going to attend to next, as blocks is, if it knows: the first of it are asked of
// memory meanwhile.
//
// Order: per span of 512 positions the scores, their maximum m, p = Exp(s-m),
// l = the sum of p in 16 lanes folded in halves, o = PV as a linear layer over
// the span's blocks. The first span gives (M, L, O); each further one
// M' = max(M, m), a = Exp(M-M'), b = Exp(m-M'), L = L*a + l*b, O = O*a + o*b.
// The result is O/L. None of it depends on count or on what else is computed.
// Source of the combination: Milakov and Gimelshein, "Online normalizer
// calculation for softmax", arXiv:1805.02867.
func (a *Attention) Attend(q *Planes, first, count, pos, perPos int, blocks, after [][]byte, result func(i int) []float32) {
	if count > MaxAttentionRows {
		panic("kernel: Attend: too many rows")
	}
	dim := a.layout.valueTiles * TileN
	last := pos + (count-1)/perPos
	for start := 0; start <= last; start += SpanPositions {
		in, next := blocks[start/BlockPositions:], after
		in = in[:min(spanBlocks, (last-start)/BlockPositions+1)]
		if start+SpanPositions <= last {
			next = blocks[start/BlockPositions+spanBlocks:]
		}
		a.score(q, first, count, in)
		for i := range count {
			a.weigh(i, pos+i/perPos-start+1, len(in))
		}
		a.mix(count, in, next[:min(spanBlocks, len(next))])
		for i := range count {
			if pos+i/perPos >= start {
				a.combine(i, dim, start == 0)
			}
		}
	}
	for i := range count {
		n := a.layout.headDim
		divide(result(i)[:n], a.out[i*dim:][:n], a.sum[i])
	}
}

// score computes the scores of a span's blocks for count rows. Meanwhile memory
// is asked for each next block's keys and for this one's values.
func (a *Attention) score(q *Planes, first, count int, blocks [][]byte) {
	for b, block := range blocks {
		beside := [2][]byte{nil, block[a.layout.keyBytes():]}
		if b+1 < len(blocks) {
			beside[0] = blocks[b+1]
		}
		linear(&linearArgs{
			format:     tileBF16x2,
			out:        a.scores[b*BlockPositions:],
			fresh:      true,
			stride:     SpanPositions,
			x:          q.from(first, 0),
			tiles:      block[:a.layout.keyBytes()],
			beside:     beside,
			panels:     BlockPositions / TileN,
			panelBytes: a.layout.halfBytes(),
			blocks:     q.Blocks,
			rows:       count,
			scratch:    a.scratch,
		})
	}
}

// weigh turns row i's scores into weights: the first valid positions of the
// span are visible, the others get +0, up to the end of its blocks.
func (a *Attention) weigh(i, valid, blocks int) {
	row := a.scores[i*SpanPositions:][:blocks*BlockPositions]
	valid = max(0, min(valid, len(row)))
	a.spanMax[i] = Max(row[:valid])
	a.spanSum[i] = expSum(row[:valid], row[:valid], a.spanMax[i], 1)
	clear(row[valid:])
	a.weights.SplitBlocks(i, 0, row)
}

// mix computes a span's output rows: the weights times the blocks' values.
// Meanwhile memory is asked for the keys of the blocks that come after.
func (a *Attention) mix(count int, blocks, after [][]byte) {
	dim := a.layout.valueTiles * TileN
	linear(&linearArgs{
		format:     tileBF16x2,
		out:        a.span,
		fresh:      true,
		stride:     dim,
		x:          a.weights.from(0, 0),
		table:      blocks,
		offset:     a.layout.keyBytes(),
		after:      after,
		panels:     a.layout.valueTiles,
		panelBytes: 2 * bf16TileBytes,
		blocks:     len(blocks),
		rows:       count,
		scratch:    a.scratch,
	})
}

// combine takes row i's span into what the spans before it gave.
func (a *Attention) combine(i, dim int, first bool) {
	out, span := a.out[i*dim:(i+1)*dim], a.span[i*dim:(i+1)*dim]
	if first {
		a.max[i], a.sum[i] = a.spanMax[i], a.spanSum[i]
		copy(out, span)
		return
	}
	m := max(a.max[i], a.spanMax[i])
	old, add := Exp(a.max[i]-m), Exp(a.spanMax[i]-m)
	a.max[i] = m
	a.sum[i] = float32(a.sum[i]*old) + float32(a.spanSum[i]*add)
	rescaleAdd(out, span, old, add)
}
