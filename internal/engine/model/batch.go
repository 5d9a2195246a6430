package model

import (
	"slices"
	"sync/atomic"

	"tinsmith.example/internal/engine/kv"
)

// A Chunk is some consecutive tokens of one sequence that go through the model
// in one step. Its rows see the sequence's positions up to their own, and
// nothing of other chunks. They leave keys, values and hidden states in the
// blocks.
type Chunk struct {
	Tokens []int32     // each within the vocabulary; none, if only logits are wanted
	Pos    int         // position of Tokens[0]
	Blocks []*kv.Block // the sequence's, for positions 0 to Pos+len(Tokens)-1 at least
	// Wanted are the positions whose logits are wanted: of Tokens, or before
	// Pos, where the blocks have the hidden states of an earlier step.
	Wanted []int
}

// Visit receives the logits, [vocab], that follow the token at a position of
// chunk c's sequence. They are valid during the call only, and nil if the
// token's hidden state is not finite. Calls run concurrently on different
// workers, 0 to the team's size less 1.
type Visit func(worker, c, pos int, logits []float32)

// row says which token a row of the step's matrices is.
type row struct {
	chunk, index int
}

// step is a batch laid out in rows.
type step struct {
	chunks []Chunk
	first  []int // chunk -> its first row
	rows   []row
	wanted []want
	broken []atomic.Bool // chunk -> one of its hidden states is not finite
}

// want is a position of a chunk's sequence whose logits are wanted.
type want struct {
	chunk, pos int
}

func (s *step) lay(chunks []Chunk) {
	s.chunks, s.first, s.rows, s.wanted = chunks, s.first[:0], s.rows[:0], s.wanted[:0]
	for c, chunk := range chunks {
		s.first = append(s.first, len(s.rows))
		for i := range chunk.Tokens {
			s.rows = append(s.rows, row{c, i})
		}
		for _, pos := range chunk.Wanted {
			s.wanted = append(s.wanted, want{c, pos})
		}
	}
	s.broken = make([]atomic.Bool, len(chunks))
}

// pos is the position of row r in its sequence.
func (s *step) pos(r int) int { return s.chunks[s.rows[r].chunk].Pos + s.rows[r].index }

// hidden is where the blocks of chunk c have the hidden state of a position,
// [dim].
func (s *step) hidden(c, pos, dim int) []float32 {
	at := pos % kv.BlockPositions * dim
	return s.chunks[c].Blocks[pos/kv.BlockPositions].Hidden[at : at+dim]
}

// span is part of the work of attention: rows of one chunk, one key-value head.
type span struct {
	chunk, head  int
	first, count int // tokens within the chunk
}

// spans cuts the batch's attention into pieces of at most tokens tokens, those
// that take longest first. Of a chunk that would make fewer than least pieces
// they are half as large: a long context is then not left to some threads while
// others wait.
func (s *step) spans(dst []span, kvHeads, tokens, least int) []span {
	for c, chunk := range s.chunks {
		n, piece := len(chunk.Tokens), tokens
		if (n+piece-1)/piece*kvHeads < least && n > 1 {
			piece = max(1, min(n, piece)/2)
		}
		for first := 0; first < n; first += piece {
			for h := range kvHeads {
				dst = append(dst, span{c, h, first, min(piece, n-first)})
			}
		}
	}
	slices.SortStableFunc(dst, func(a, b span) int { return s.seen(b) - s.seen(a) })
	return dst
}

// seen is how many positions the tokens of a span see, about.
func (s *step) seen(p span) int { return p.count * (s.chunks[p.chunk].Pos + p.first + p.count) }
