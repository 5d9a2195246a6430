package model

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"tinsmith.example/internal/engine/kernel"
	"tinsmith.example/internal/engine/kv"
	"tinsmith.example/internal/engine/pages"
	"tinsmith.example/internal/engine/team"
	"tinsmith.example/internal/weights/gguf"
)

// Model is a Llama: its weights, packed for the kernels, and its tables. It is
// read-only once loaded.
type Model struct {
	Config
	Parameters int64     // number of weights in the file
	WeightType gguf.Type // of most of them

	memory pages.Arena // of the packed matrices
	embed  embedding
	layers []layer
	norm   []float32      // [dim], before the output layer
	output *kernel.Matrix // [vocab, dim]
	rope   *kernel.RoPE
	kv     kernel.KVLayout
	scale  float32 // 1/sqrt(headDim), of the queries
}

// layer is the weights of one block, shapes as [outputs, inputs].
type layer struct {
	attnNorm []float32      // [dim]
	q        *kernel.Matrix // [heads*headDim, dim]
	k, v     *kernel.Matrix // [kvHeads*headDim, dim]
	o        *kernel.Matrix // [dim, heads*headDim]
	ffnNorm  []float32      // [dim]
	gate, up *kernel.Matrix // [ffn, dim]
	down     *kernel.Matrix // [dim, ffn]
}

// Load binds the file's tensors and packs them, in parallel on t. The file must
// stay open as long as the model is used: embeddings are read from it. Every
// tensor of the file must have a place in the model; one that has none means
// that this is another model. Close gives the model's memory back.
func Load(f *gguf.File, t *team.Team) (*Model, error) {
	c, err := readConfig(f)
	if err != nil {
		return nil, err
	}
	m := &Model{}
	l := loader{file: f, config: &c, memory: &m.memory, used: map[string]bool{}}
	if err := l.load(m, t); err != nil {
		_ = m.Close()
		return nil, err
	}
	m.Config = c
	m.rope = kernel.NewRoPE(c.HeadDim, c.RoPETheta)
	m.kv = kernel.NewKVLayout(c.HeadDim)
	m.scale = float32(1 / math.Sqrt(float64(c.HeadDim)))
	return m, nil
}

// Close gives the packed matrices' memory back. The model must not be used any
// more.
func (m *Model) Close() error { return m.memory.Free() }

// BlockSize is the size of one KV block: keys and values of all layers and all
// key-value heads, and the hidden states.
func (m *Model) BlockSize() kv.Size {
	return kv.Size{Data: m.Layers * m.KVHeads * m.kv.HeadBytes(), Hidden: kv.BlockPositions * m.Dim}
}

// FarPosition is the position at which attention costs a token as much as the
// layers' matrices do, counted in products.
func (m *Model) FarPosition() int {
	w := m.Work()
	return max(1, int(w.LayerProducts/w.SeenProducts))
}

// loader collects what is to be packed, and keeps the first error.
type loader struct {
	file   *gguf.File
	config *Config
	memory *pages.Arena
	used   map[string]bool
	jobs   []packJob
	err    error
}

// packJob is one panel to fill.
type packJob struct {
	tensor gguf.Tensor
	matrix *kernel.Matrix
	panel  int
	row    func(n int) []byte
}

func (l *loader) load(m *Model, t *team.Team) error {
	l.bind(m)
	if l.err == nil {
		l.err = l.leftOver()
	}
	if l.err == nil {
		l.err = l.pack(t)
	}
	return l.err
}

func (l *loader) bind(m *Model) {
	c := l.config
	embed := l.tensor("token_embd.weight", c.Dim, -1)
	if l.err == nil && !canEmbed(embed.Type) {
		l.err = &ConfigError{embed.Name, embed.Type, "the type of an embedding must be F32, F16, BF16, Q8_0, Q4_0 or Q4_1"}
	}
	if l.err != nil {
		return
	}
	c.Vocab = int(embed.Rows())
	m.embed, m.norm = embedding{embed}, l.vector("output_norm.weight", c.Dim)
	for i := range c.Layers {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", i, s) }
		m.layers = append(m.layers, layer{
			attnNorm: l.vector(name("attn_norm"), c.Dim),
			q:        l.matrix(name("attn_q"), c.Heads*c.HeadDim, c.Dim, c.HeadDim),
			k:        l.matrix(name("attn_k"), c.KVHeads*c.HeadDim, c.Dim, c.HeadDim),
			v:        l.matrix(name("attn_v"), c.KVHeads*c.HeadDim, c.Dim, 0),
			o:        l.matrix(name("attn_output"), c.Dim, c.Heads*c.HeadDim, 0),
			ffnNorm:  l.vector(name("ffn_norm"), c.Dim),
			gate:     l.matrix(name("ffn_gate"), c.FFN, c.Dim, 0),
			up:       l.matrix(name("ffn_up"), c.FFN, c.Dim, 0),
			down:     l.matrix(name("ffn_down"), c.Dim, c.FFN, 0),
		})
		if l.err != nil {
			return
		}
	}
	output := "output.weight"
	if _, ok := l.file.Tensor(output); !ok {
		output = embed.Name // tied: packing checks the weights
	} else if !m.embed.finite() {
		l.err = &ConfigError{embed.Name, "NaN or infinite", "weights must be finite"}
	}
	m.output = l.matrix(output, c.Vocab, c.Dim, 0)
	m.count(l.file)
}

// count sets Parameters and WeightType.
func (m *Model) count(f *gguf.File) {
	byType := map[gguf.Type]int64{}
	for _, t := range f.Tensors() {
		m.Parameters += t.Elements()
		byType[t.Type] += t.Elements()
		if byType[t.Type] > byType[m.WeightType] {
			m.WeightType = t.Type
		}
	}
}

// tensor finds a tensor of [rows, cols]; rows -1: any number up to maxVocab.
func (l *loader) tensor(name string, cols, rows int) gguf.Tensor {
	t, ok := l.file.Tensor(name)
	switch {
	case l.err != nil:
	case !ok:
		l.err = &ConfigError{name, "missing", "the model needs this tensor"}
	case t.RowLen() != int64(cols) || rows >= 0 && t.Rows() != int64(rows) || t.Rows() > maxVocab:
		l.err = &ConfigError{name, t.Shape, fmt.Sprintf("should have rows of %d, %d of them (-1: up to %d)", cols, rows, maxVocab)}
	}
	l.used[name] = true
	return t
}

// vector is a float32 tensor of n elements, copied.
func (l *loader) vector(name string, n int) []float32 {
	t := l.tensor(name, n, 1)
	if l.err == nil && t.Type != gguf.F32 {
		l.err = &ConfigError{name, t.Type, "a norm's weights must be F32"}
	}
	if l.err != nil {
		return nil
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	if !kernel.Finite(v) {
		l.err = &ConfigError{name, "NaN or infinite", "weights must be finite"}
	}
	return v
}

// matrix is a tensor of [n, k], to be packed later. With headDim > 0 its rows
// are those of queries or keys, which GGUF files hold permuted for interleaved
// rotation: within a head, row 2i+j of the file is row j*headDim/2+i of the
// model. They are put back, so that one rotary embedding exists.
func (l *loader) matrix(name string, n, k, headDim int) *kernel.Matrix {
	t := l.tensor(name, k, n)
	if l.err != nil {
		return nil
	}
	format, ok := formats[t.Type]
	if !ok {
		l.err = &ConfigError{name, t.Type, "the type of a matrix must be F32, F16, BF16, Q8_0, Q4_0 or Q4_1"}
		return nil
	}
	m, err := kernel.NewMatrix(format, n, k, l.memory.Take)
	if err != nil {
		l.err = fmt.Errorf("model: %s: %w", name, err)
		return nil
	}
	row := func(i int) []byte { return t.Row(int64(i)) }
	if headDim > 0 {
		row = func(i int) []byte {
			head, at := i/headDim*headDim, i%headDim
			half := headDim / 2
			return t.Row(int64(head + at%half*2 + at/half))
		}
	}
	for p := range m.Panels {
		l.jobs = append(l.jobs, packJob{t, m, p, row})
	}
	return m
}

var formats = map[gguf.Type]kernel.Format{
	gguf.F32:  kernel.F32Weights,
	gguf.F16:  kernel.F16Weights,
	gguf.BF16: kernel.BF16Weights,
	gguf.Q8_0: kernel.Q8_0,
	gguf.Q4_0: kernel.Q4_0,
	gguf.Q4_1: kernel.Q4_1,
}

// leftOver refuses a file with tensors that nobody asked for.
func (l *loader) leftOver() error {
	for _, t := range l.file.Tensors() {
		if !l.used[t.Name] {
			return &ConfigError{t.Name, t.Shape, "this tensor has no place in a plain Llama, so the file is another model"}
		}
	}
	return nil
}

// pack fills all panels and returns one of the errors, if any.
func (l *loader) pack(t *team.Team) error {
	var mu sync.Mutex
	var failed error
	t.Run(len(l.jobs), func(_, i int) {
		job := l.jobs[i]
		if err := job.matrix.PackPanel(job.panel, job.row); err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = fmt.Errorf("model: %s: %w", job.tensor.Name, err)
		}
	})
	return failed
}
