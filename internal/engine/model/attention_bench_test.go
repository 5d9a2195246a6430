package model

import (
	"fmt"
	"os"
	"testing"

	"tinsmith.example/internal/engine/kv"
	"tinsmith.example/internal/engine/team"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/weights/gguf"
)

// BenchmarkDecodeAttention is the attention of one step of 32 sequences, in bytes
// of keys and values: of sequences that have nothing in common, whose blocks come
// from memory, and of sequences that share all of it, whose blocks come from the
// cache.
func BenchmarkDecodeAttention(b *testing.B) {
	const sequences = 32
	data, err := os.ReadFile(testmodel.Default(b))
	if err != nil {
		b.Fatal(err)
	}
	parsed, err := gguf.Parse(data)
	if err != nil {
		b.Fatal(err)
	}
	crew := team.New(2)
	defer crew.Close()
	m, err := Load(parsed, crew)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	r := NewRunner(m, crew, sequences)
	for i := range sequences * m.Heads {
		r.q.Split(i, make([]float32, m.HeadDim))
	}
	for _, context := range []int{80, 400, 800} {
		for _, shared := range []bool{false, true} {
			b.Run(fmt.Sprintf("context=%d/shared=%t", context, shared), func(b *testing.B) {
				blocks := (context + kv.BlockPositions - 1) / kv.BlockPositions
				pool := kv.NewPool(m.BlockSize(), sequences*blocks)
				defer pool.Close()
				chunks := make([]Chunk, sequences)
				for range blocks { // as sequences grow beside each other
					for s := range chunks {
						if s == 0 || !shared {
							block := pool.Alloc()
							clear(block.Data) // so that the system gives the memory now
							chunks[s].Blocks = append(chunks[s].Blocks, block)
						}
					}
				}
				for s := range chunks {
					if shared {
						chunks[s].Blocks = chunks[0].Blocks
					}
					chunks[s].Tokens, chunks[s].Pos = []int32{0}, context-1
				}
				r.step.lay(chunks)
				r.spans = r.step.spans(r.spans[:0], m.KVHeads, 1, 1)
				b.SetBytes(int64(sequences*blocks) * int64(m.BlockSize().Data))
				for b.Loop() {
					for layer := range m.layers {
						crew.RunInOrder(len(r.spans), func(w, s int) { r.attend(w, layer, s) })
					}
				}
			})
		}
	}
}
