package model

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tinsmith.example/internal/engine/team"
	"tinsmith.example/internal/weights/gguf"
)

// file is what a small Llama's file would hold, to be changed before it is
// written: 1 layer, 32 dimensions, 2 heads of 16, 1 key-value head, 40 ids.
type file struct {
	meta    []gguf.KV
	tensors []gguf.Tensor
}

func smallFile() *file {
	f := &file{meta: []gguf.KV{
		{Key: "general.architecture", Value: "llama"},
		{Key: "llama.block_count", Value: uint32(1)},
		{Key: "llama.context_length", Value: uint32(64)},
		{Key: "llama.embedding_length", Value: uint32(32)},
		{Key: "llama.feed_forward_length", Value: uint32(48)},
		{Key: "llama.attention.head_count", Value: uint32(2)},
		{Key: "llama.attention.head_count_kv", Value: uint32(1)},
		{Key: "llama.attention.layer_norm_rms_epsilon", Value: float32(1e-5)},
	}}
	f.tensor("token_embd.weight", gguf.BF16, 32, 40)
	f.tensor("output_norm.weight", gguf.F32, 32)
	for name, shape := range map[string][]int64{
		"attn_q": {32, 32}, "attn_k": {32, 16}, "attn_v": {32, 16}, "attn_output": {32, 32},
		"ffn_gate": {32, 48}, "ffn_up": {32, 48}, "ffn_down": {48, 32},
	} {
		f.tensor("blk.0."+name+".weight", gguf.BF16, shape...)
	}
	f.tensor("blk.0.attn_norm.weight", gguf.F32, 32)
	f.tensor("blk.0.ffn_norm.weight", gguf.F32, 32)
	return f
}

// tensor adds or replaces a tensor of zeros.
func (f *file) tensor(name string, typ gguf.Type, shape ...int64) {
	f.drop(name)
	bytesPer := map[gguf.Type]int64{gguf.F32: 4, gguf.F16: 2, gguf.BF16: 2, gguf.I16: 2}[typ]
	n := bytesPer
	for _, s := range shape {
		n *= s
	}
	f.tensors = append(f.tensors, gguf.Tensor{Name: name, Type: typ, Shape: shape, Data: make([]byte, n)})
}

func (f *file) drop(name string) {
	f.tensors = slices.DeleteFunc(f.tensors, func(t gguf.Tensor) bool { return t.Name == name })
}

func (f *file) set(key string, value any) {
	f.meta = slices.DeleteFunc(f.meta, func(kv gguf.KV) bool { return kv.Key == key })
	if value != nil {
		f.meta = append(f.meta, gguf.KV{Key: key, Value: value})
	}
}

func (f *file) load(t *testing.T) (*Model, error) {
	t.Helper()
	var b bytes.Buffer
	if err := gguf.Write(&b, f.meta, f.tensors); err != nil {
		t.Fatal(err)
	}
	parsed, err := gguf.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(parsed, team.New(1))
	if err == nil {
		t.Cleanup(func() { m.Close() })
	}
	return m, err
}

func TestLoadReadsTheShape(t *testing.T) {
	m, err := smallFile().load(t)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Dim: 32, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 16, FFN: 48, Vocab: 40, Context: 64, NormEps: 1e-5, RoPETheta: 10000}
	if m.Config != want {
		t.Errorf("got %+v, want %+v", m.Config, want)
	}
}

// TestLoadRefusesWhatItCannotRun: each change makes another model of the file,
// or none; the error names the key or tensor and says what would be right.
func TestLoadRefusesWhatItCannotRun(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(f *file)
		says   string
	}{
		{"no architecture", func(f *file) { f.set("general.architecture", nil) }, "general.architecture"},
		{"another architecture", func(f *file) { f.set("general.architecture", "qwen3") }, `"llama"`},
		{"no layers", func(f *file) { f.set("llama.block_count", uint32(0)) }, "llama.block_count = 0: must be 1 to"},
		{"too many layers", func(f *file) { f.set("llama.block_count", uint32(1<<20)) }, "llama.block_count"},
		{"more layers than tensors", func(f *file) { f.set("llama.block_count", uint32(2)) }, "blk.1.attn_norm.weight = missing"},
		{"negative context", func(f *file) { f.set("llama.context_length", int32(-1)) }, "llama.context_length"},
		{"huge context", func(f *file) { f.set("llama.context_length", uint32(1<<31)) }, "llama.context_length"},
		{"width as text", func(f *file) { f.set("llama.embedding_length", "32") }, "llama.embedding_length"},
		{"heads that do not fit", func(f *file) { f.set("llama.attention.head_count_kv", uint32(3)) }, "llama.attention.head_count_kv"},
		{"too many queries to a key", func(f *file) {
			f.set("llama.attention.head_count", uint32(64))
			f.set("llama.attention.key_length", uint32(2))
		}, "llama.attention.head_count_kv = 1: with 64 query heads"},
		{"odd heads", func(f *file) { f.set("llama.attention.head_count", uint32(32)) }, "head dimension = 1"},
		{"NaN eps", func(f *file) { f.set("llama.attention.layer_norm_rms_epsilon", float32(nan())) }, "layer_norm_rms_epsilon"},
		{"partial rotation", func(f *file) { f.set("llama.rope.dimension_count", uint32(8)) }, "llama.rope.dimension_count = 8"},
		{"scaled rotation", func(f *file) { f.set("llama.rope.scaling.type", "yarn") }, "llama.rope.scaling.type = yarn"},
		{"scaled rotation of no named type", func(f *file) { f.set("llama.rope.scaling.factor", float32(4)) }, "llama.rope.scaling.factor = 4"},
		{"scaled rotation under its old name", func(f *file) { f.set("llama.rope.scale_linear", float32(2)) }, "llama.rope.scale_linear = 2"},
		{"another scale of the scores", func(f *file) { f.set("llama.attention.scale", float32(0.1)) }, "llama.attention.scale"},
		{"experts", func(f *file) { f.set("llama.expert_count", uint32(8)) }, "llama.expert_count"},
		{"no embedding", func(f *file) { f.drop("token_embd.weight") }, "token_embd.weight = missing"},
		{"wrong shape", func(f *file) { f.tensor("blk.0.attn_q.weight", gguf.BF16, 32, 16) }, "blk.0.attn_q.weight"},
		{"a type without a kernel", func(f *file) { f.tensor("blk.0.attn_q.weight", gguf.I16, 32, 32) }, "blk.0.attn_q.weight = I16"},
		{"a norm in bf16", func(f *file) { f.tensor("output_norm.weight", gguf.BF16, 32) }, "a norm's weights must be F32"},
		{"a bias", func(f *file) { f.tensor("blk.0.attn_q.bias", gguf.F32, 32) }, "blk.0.attn_q.bias"},
		{"rotation factors", func(f *file) { f.tensor("rope_freqs.weight", gguf.F32, 8) }, "rope_freqs.weight"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := smallFile()
			tt.change(f)
			_, err := f.load(t)
			var config *ConfigError
			var key *gguf.KeyError
			if err == nil || !errors.As(err, &config) && !errors.As(err, &key) {
				t.Fatalf("got %v (%T), want a ConfigError or KeyError", err, err)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %q, want it to say %q", err, tt.says)
			}
		})
	}
}

func nan() float64 { var zero float64; return zero / zero }

// TestRowsOfQueriesAndKeysArePutBack: output row j*half+i of a head must be the
// file's row 2i+j.
func TestRowsOfQueriesAndKeysArePutBack(t *testing.T) {
	f := smallFile()
	for i := range f.tensors {
		if q := &f.tensors[i]; q.Name == "blk.0.attn_q.weight" {
			for row := range 32 { // row r is r in its first column
				bits := []byte{0, 0}
				copy(bits, bf16Bytes(float32(row)))
				copy(q.Data[row*64:], bits)
			}
		}
	}
	m, err := f.load(t)
	if err != nil {
		t.Fatal(err)
	}
	got := firstColumn(m.layers[0].q)
	for head := range 2 {
		for at := range 16 {
			want := float32(head*16 + at%8*2 + at/8)
			if got[head*16+at] != want {
				t.Fatalf("head %d, row %d is the file's row %v, want %v: %s", head, at, got[head*16+at], want, fmt.Sprint(got))
			}
		}
	}
}
