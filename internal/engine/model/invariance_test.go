package model

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"tinsmith.example/internal/engine/kv"
	"tinsmith.example/internal/engine/team"
	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/internal/weights/gguf"
)

// invariance is a tiny model with one sequence that reaches past a span of attention,
// and the logits after each of its tokens, computed one token a step.
type invariance struct {
	parsed *gguf.File
	tokens []int32
	want   [][]float32
}

const invarianceTokens = 515 // beyond a span of 512 positions, and a block of it

func newInvariance(t *testing.T) *invariance {
	t.Helper()
	var b bytes.Buffer
	if err := tinymodel.Write(&b, tinymodel.Options{Seed: 3}); err != nil {
		t.Fatal(err)
	}
	parsed, err := gguf.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	v := &invariance{parsed: parsed, tokens: make([]int32, invarianceTokens)}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range v.tokens {
		v.tokens[i] = r.Int32N(tinymodel.VocabSize)
	}
	v.run(t, 1, func(s *invarianceRun) {
		for pos := range v.tokens {
			s.step(s.chunk(pos, 1))
		}
		v.want = s.got
	})
	return v
}

// invarianceRun is a run of that sequence by some number of threads.
type invarianceRun struct {
	*invariance
	model  *Model
	runner *Runner
	pool   *kv.Pool
	blocks []*kv.Block
	got    [][]float32 // by position
}

func (v *invariance) run(t *testing.T, threads int, do func(*invarianceRun)) {
	t.Helper()
	crew := team.New(threads)
	defer crew.Close()
	m, err := Load(v.parsed, crew)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := &invarianceRun{invariance: v, model: m, runner: NewRunner(m, crew, invarianceTokens+1), got: make([][]float32, len(v.tokens))}
	s.pool = kv.NewPool(m.BlockSize(), 64)
	defer s.pool.Close()
	for range (len(v.tokens) + kv.BlockPositions - 1) / kv.BlockPositions {
		s.blocks = append(s.blocks, s.pool.Alloc())
	}
	do(s)
}

// chunk is n tokens of the sequence from pos on, the logits of all wanted.
func (s *invarianceRun) chunk(pos, n int) Chunk {
	c := Chunk{Tokens: s.tokens[pos : pos+n], Pos: pos, Blocks: s.blocks}
	for i := range n {
		c.Wanted = append(c.Wanted, pos+i)
	}
	return c
}

// step runs the sequence's chunk, the first, beside others.
func (s *invarianceRun) step(chunks ...Chunk) {
	var mu sync.Mutex
	s.runner.Forward(chunks, func(_, c, pos int, logits []float32) {
		if c == 0 {
			mu.Lock()
			defer mu.Unlock()
			s.got[pos] = slices.Clone(logits)
		}
	})
}

func (s *invarianceRun) compare(t *testing.T, what string, from, to int) {
	t.Helper()
	for pos := from; pos < to; pos++ {
		for id, want := range s.want[pos] {
			if got := s.got[pos][id]; math.Float32bits(got) != math.Float32bits(want) {
				t.Fatalf("%s: after position %d, logit %d: got %v, want %v", what, pos, id, got, want)
			}
		}
	}
}

// TestBitsDoNotDependOnChunks cuts the prompt at sizes around a block's and a
// span's, with several numbers of threads.
func TestBitsDoNotDependOnChunks(t *testing.T) {
	v := newInvariance(t)
	for i, size := range []int{7, 31, 32, 33, 511, 512, 513} {
		threads := 1 + i%3
		v.run(t, threads, func(s *invarianceRun) {
			for pos := 0; pos < len(v.tokens); pos += size {
				s.step(s.chunk(pos, min(size, len(v.tokens)-pos)))
			}
			s.compare(t, fmt.Sprintf("chunks of %d, %d threads", size, threads), 0, len(v.tokens))
		})
	}
}

// TestBitsDoNotDependOnNeighbours computes the tokens at contexts around a span's
// end in batches of several sizes, whose other rows are of other sequences.
func TestBitsDoNotDependOnNeighbours(t *testing.T) {
	v := newInvariance(t)
	v.run(t, 2, func(s *invarianceRun) {
		s.step(s.chunk(0, 500))
		s.step(s.chunk(500, len(v.tokens)-500))
		r := rand.New(rand.NewPCG(5, 6))
		for _, rows := range []int{1, 2, 3, 15, 16, 17, 33} {
			var others []Chunk
			for range rows - 1 {
				others = append(others, Chunk{Tokens: []int32{r.Int32N(tinymodel.VocabSize)}, Blocks: []*kv.Block{s.pool.Alloc()}})
			}
			for _, pos := range []int{0, 30, 31, 32, 510, 511, 512, 513} { // position 511 has a context of 512
				s.got[pos] = nil
				s.step(append([]Chunk{s.chunk(pos, 1)}, others...)...)
				s.compare(t, fmt.Sprintf("%d rows", rows), pos, pos+1)
			}
			for _, c := range others {
				s.pool.Release(c.Blocks[0])
			}
		}
	})
}
