package model

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"tinsmith.example/internal/engine/kernel"
	"tinsmith.example/internal/engine/kv"
	"tinsmith.example/internal/engine/team"
	"tinsmith.example/internal/weights/gguf"
)

// naive is a Llama in float64, straight from the tensors of a file: no planes,
// no tiles, no cache, no spans.
type naive struct {
	Config
	file *gguf.File
}

// matrix is a tensor's weights as rows.
func (n *naive) matrix(name string) [][]float64 {
	t, ok := n.file.Tensor(name)
	if !ok {
		panic(name)
	}
	m := make([][]float64, t.Rows())
	for i := range m {
		raw := t.Row(int64(i))
		m[i] = make([]float64, t.RowLen())
		for j := range m[i] {
			switch t.Type {
			case gguf.F32:
				m[i][j] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*j:])))
			case gguf.F16:
				m[i][j] = float64(kernel.FromF16(binary.LittleEndian.Uint16(raw[2*j:])))
			case gguf.BF16:
				m[i][j] = float64(kernel.FromBF16(binary.LittleEndian.Uint16(raw[2*j:])))
			}
		}
	}
	return m
}

func times(m [][]float64, x []float64) []float64 {
	y := make([]float64, len(m))
	for i, row := range m {
		for j, w := range row {
			y[i] += w * x[j]
		}
	}
	return y
}

func (n *naive) norm(x []float64, weight string) []float64 {
	w, sum := n.matrix(weight)[0], 0.0
	for _, v := range x {
		sum += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v / math.Sqrt(sum/float64(len(x))+float64(n.NormEps)) * w[i]
	}
	return y
}

// rotate turns the heads of x, whose rows are interleaved as in the file: pairs
// (2i, 2i+1) of a head by position*theta^(-2i/headDim).
func (n *naive) rotate(x []float64, pos int) []float64 {
	y := make([]float64, len(x))
	for i := 0; i < len(x); i += 2 {
		angle := float64(pos) * math.Pow(n.RoPETheta, -float64(i%n.HeadDim)/float64(n.HeadDim))
		sin, cos := math.Sincos(angle)
		y[i], y[i+1] = x[i]*cos-x[i+1]*sin, x[i+1]*cos+x[i]*sin
	}
	return y
}

// logits are those after the last of the tokens.
func (n *naive) logits(tokens []int32) []float64 {
	x := make([][]float64, len(tokens))
	for i, id := range tokens {
		x[i] = n.matrix("token_embd.weight")[id]
	}
	for l := range n.Layers {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", l, s) }
		var keys, values [][]float64
		for pos := range x {
			h := n.norm(x[pos], name("attn_norm"))
			keys = append(keys, n.rotate(times(n.matrix(name("attn_k")), h), pos))
			values = append(values, times(n.matrix(name("attn_v")), h))
			q := n.rotate(times(n.matrix(name("attn_q")), h), pos)
			add(x[pos], times(n.matrix(name("attn_output")), n.attend(q, keys, values)))
			h = n.norm(x[pos], name("ffn_norm"))
			gate, up := times(n.matrix(name("ffn_gate")), h), times(n.matrix(name("ffn_up")), h)
			for i, g := range gate {
				up[i] *= g / (1 + math.Exp(-g))
			}
			add(x[pos], times(n.matrix(name("ffn_down")), up))
		}
	}
	return times(n.matrix("token_embd.weight"), n.norm(x[len(x)-1], "output_norm.weight"))
}

func (n *naive) attend(q []float64, keys, values [][]float64) []float64 {
	out := make([]float64, len(q))
	for h := range n.Heads {
		at, of := h*n.HeadDim, h/(n.Heads/n.KVHeads)*n.HeadDim
		var sum float64
		for j := range keys {
			var score float64
			for d := range n.HeadDim {
				score += q[at+d] * keys[j][of+d]
			}
			w := math.Exp(score / math.Sqrt(float64(n.HeadDim)))
			sum += w
			for d := range n.HeadDim {
				out[at+d] += w * values[j][of+d]
			}
		}
		for d := range n.HeadDim {
			out[at+d] /= sum
		}
	}
	return out
}

func add(x, y []float64) {
	for i := range x {
		x[i] += y[i]
	}
}

// TestForwardIsLlama holds the forward pass against the naive one, on shapes
// that fill neither tiles nor vectors.
func TestForwardIsLlama(t *testing.T) {
	for _, s := range []struct {
		dim, heads, kvHeads, headDim, ffn, vocab, layers int
		matrices                                         gguf.Type
	}{
		{32, 2, 1, 16, 48, 40, 1, gguf.BF16},
		{36, 6, 2, 6, 50, 33, 2, gguf.BF16},
		{36, 6, 2, 6, 50, 33, 2, gguf.F16},
		{36, 6, 2, 6, 50, 33, 2, gguf.F32},
		{64, 1, 1, 64, 100, 300, 2, gguf.BF16},
		{40, 5, 5, 34, 17, 20, 3, gguf.BF16},
		{24, 48, 1, 2, 30, 21, 1, gguf.BF16},
		{100, 3, 3, 96, 31, 70, 1, gguf.BF16},
	} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(s.dim)))
			f := &file{}
			f.set("general.architecture", "llama")
			for key, n := range map[string]int{
				"llama.block_count": s.layers, "llama.context_length": 64, "llama.embedding_length": s.dim,
				"llama.feed_forward_length": s.ffn, "llama.attention.head_count": s.heads,
				"llama.attention.head_count_kv": s.kvHeads, "llama.attention.key_length": s.headDim,
			} {
				f.set(key, uint32(n))
			}
			f.set("llama.attention.layer_norm_rms_epsilon", float32(1e-5))
			random := func(name string, typ gguf.Type, shape ...int) {
				sizes := make([]int64, len(shape))
				for i, n := range shape {
					sizes[i] = int64(n)
				}
				f.tensor(name, typ, sizes...)
				data := f.tensors[len(f.tensors)-1].Data
				for i := 0; i < len(data); {
					w := float32(r.NormFloat64() / math.Sqrt(float64(shape[0])))
					switch {
					case len(shape) == 1:
						binary.LittleEndian.PutUint32(data[i:], math.Float32bits(1+w))
						i += 4
					case typ == gguf.F32:
						binary.LittleEndian.PutUint32(data[i:], math.Float32bits(2*w))
						i += 4
					case typ == gguf.F16:
						binary.LittleEndian.PutUint16(data[i:], halfOf(2*w))
						i += 2
					default:
						copy(data[i:], bf16Bytes(2*w))
						i += 2
					}
				}
			}
			random("token_embd.weight", s.matrices, s.dim, s.vocab)
			random("output_norm.weight", gguf.F32, s.dim)
			for l := range s.layers {
				name := func(n string) string { return fmt.Sprintf("blk.%d.%s.weight", l, n) }
				random(name("attn_norm"), gguf.F32, s.dim)
				random(name("attn_q"), s.matrices, s.dim, s.heads*s.headDim)
				random(name("attn_k"), s.matrices, s.dim, s.kvHeads*s.headDim)
				random(name("attn_v"), s.matrices, s.dim, s.kvHeads*s.headDim)
				random(name("attn_output"), s.matrices, s.heads*s.headDim, s.dim)
				random(name("ffn_norm"), gguf.F32, s.dim)
				random(name("ffn_gate"), s.matrices, s.dim, s.ffn)
				random(name("ffn_up"), s.matrices, s.dim, s.ffn)
				random(name("ffn_down"), s.matrices, s.ffn, s.dim)
			}
			compareWithNaive(t, r, f)
		})
	}
}

// halfOf is x cut to a half, or 0 where it is too small for a normal one; |x| < 4.
func halfOf(x float32) uint16 {
	bits := math.Float32bits(x)
	if bits>>23&0xff <= 112 {
		return 0
	}
	return uint16(bits>>31<<15 | (bits>>23&0xff-112)<<10 | bits>>13&0x3ff)
}

func compareWithNaive(t *testing.T, r *rand.Rand, f *file) {
	t.Helper()
	var b bytes.Buffer
	if err := gguf.Write(&b, f.meta, f.tensors); err != nil {
		t.Fatal(err)
	}
	parsed, err := gguf.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	crew := team.New(2)
	defer crew.Close()
	m, err := Load(parsed, crew)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tokens := make([]int32, 37)
	for i := range tokens {
		tokens[i] = r.Int32N(int32(m.Vocab))
	}
	pool := kv.NewPool(m.BlockSize(), 2)
	blocks := []*kv.Block{pool.Alloc(), pool.Alloc()}
	n := &naive{m.Config, parsed}
	runner := NewRunner(m, crew, len(tokens))
	wanted := []int{3, 30, 31, 32, 36}
	var mu sync.Mutex
	first := map[int][]float32{}
	runner.Forward([]Chunk{{Tokens: tokens, Blocks: blocks, Wanted: wanted}}, func(_, _, pos int, logits []float32) {
		mu.Lock()
		defer mu.Unlock()
		first[pos] = slices.Clone(logits)
	})
	if len(first) != len(wanted) || !runner.Finite(0) {
		t.Errorf("%d positions visited, want %d; finite: %v", len(first), len(wanted), runner.Finite(0))
	}
	for pos, logits := range first {
		for id, want := range n.logits(tokens[:pos+1]) {
			if math.Abs(float64(logits[id])-want) > 1e-3*math.Max(1, math.Abs(want)) {
				t.Errorf("after token %d, logit %d: got %v, want %v", pos, id, logits[id], want)
				break
			}
		}
	}
	// The same once more, of the hidden states alone.
	runner.Forward([]Chunk{{Pos: len(tokens), Blocks: blocks, Wanted: wanted}}, func(_, _, pos int, logits []float32) {
		for id, x := range first[pos] {
			if math.Float32bits(logits[id]) != math.Float32bits(x) {
				t.Errorf("after token %d, logit %d of the stored hidden state: got %v, want %v", pos, id, logits[id], x)
				return
			}
		}
	})
}
