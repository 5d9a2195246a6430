package model

import "tinsmith.example/internal/engine/kv"

// A Chunk is some consecutive tokens of one sequence that go through the model
// in one step. Its rows see the sequence's positions up to their own, and
// nothing of other chunks.
type Chunk struct {
	Tokens []int32     // at least one, each within the vocabulary
	Pos    int         // position of Tokens[0]
	Blocks []*kv.Block // the sequence's, for positions 0 to Pos+len(Tokens)-1 at least
	// Logits is the index of the first token whose logits are wanted; those
	// after it are, too. len(Tokens): none.
	Logits int
}

// Visit receives the logits, [vocab], that follow a token: token i of chunk c.
// They are valid during the call only, and nil if the token's hidden state is
// not finite. Calls run concurrently on different workers, 0 to the team's
// size less 1.
type Visit func(worker, c, i int, logits []float32)

// row says which token a row of the step's matrices is.
type row struct {
	chunk, index int
}

// step is a batch laid out in rows.
type step struct {
	chunks []Chunk
	first  []int // chunk -> its first row
	rows   []row
	wanted []int // rows whose logits are wanted
}

func (s *step) lay(chunks []Chunk) {
	s.chunks, s.first, s.rows, s.wanted = chunks, s.first[:0], s.rows[:0], s.wanted[:0]
	for c, chunk := range chunks {
		s.first = append(s.first, len(s.rows))
		for i := range chunk.Tokens {
			if i >= chunk.Logits {
				s.wanted = append(s.wanted, len(s.rows))
			}
			s.rows = append(s.rows, row{c, i})
		}
	}
}

// pos is the position of row r in its sequence.
func (s *step) pos(r int) int { return s.chunks[s.rows[r].chunk].Pos + s.rows[r].index }

// span is part of the work of attention: rows of one chunk, one key-value head.
type span struct {
	chunk, head  int
	first, count int // tokens within the chunk
}

// spans cuts the batch's attention into pieces of at most tokens tokens.
func (s *step) spans(dst []span, kvHeads, tokens int) []span {
	for c, chunk := range s.chunks {
		for first := 0; first < len(chunk.Tokens); first += tokens {
			for h := range kvHeads {
				dst = append(dst, span{c, h, first, min(tokens, len(chunk.Tokens)-first)})
			}
		}
	}
	return dst
}
