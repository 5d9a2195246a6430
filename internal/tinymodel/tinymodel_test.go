package tinymodel_test

import (
	"bytes"
	"math"
	"testing"

	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/internal/weights/gguf"
)

func write(t *testing.T, o tinymodel.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tinymodel.Write(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSameOptionsGiveSameFile(t *testing.T) {
	base := write(t, tinymodel.Options{})
	if !bytes.Equal(base, write(t, tinymodel.Options{})) {
		t.Error("two files of the same options differ")
	}
	if bytes.Equal(base, write(t, tinymodel.Options{Seed: 1})) {
		t.Error("another seed gives the same file")
	}
}

func TestFileSaysWhatTheModelIs(t *testing.T) {
	f, err := gguf.Parse(write(t, tinymodel.Options{ContextLength: 77}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for key, want := range map[string]int64{
		"llama.block_count":               tinymodel.Layers,
		"llama.context_length":            77,
		"llama.vocab_size":                tinymodel.VocabSize,
		"llama.rope.dimension_count":      tinymodel.HeadDim,
		"tokenizer.ggml.eos_token_id":     tinymodel.EndToken,
		"llama.attention.head_count_kv":   tinymodel.KVHeads,
		"llama.attention.head_count":      tinymodel.Heads,
		"llama.embedding_length":          tinymodel.Dim,
		"llama.feed_forward_length":       tinymodel.HiddenDim,
		"tokenizer.ggml.bos_token_id":     tinymodel.StartToken,
		"tokenizer.ggml.padding_token_id": tinymodel.EndToken,
	} {
		if got, err := f.Int(key); err != nil || got != want {
			t.Errorf("%s = %d, %v; want %d", key, got, err, want)
		}
	}
	tokens, err := f.Strings("tokenizer.ggml.tokens")
	if err != nil {
		t.Fatal(err)
	}
	if len(tokens) != tinymodel.VocabSize {
		t.Errorf("%d tokens, want %d", len(tokens), tinymodel.VocabSize)
	}
	seen := map[string]bool{}
	for i, token := range tokens {
		if seen[token] {
			t.Errorf("token %d, %q, occurs twice", i, token)
		}
		seen[token] = true
	}
	if len(f.Tensors()) != 2+9*tinymodel.Layers {
		t.Errorf("%d tensors, want %d", len(f.Tensors()), 2+9*tinymodel.Layers)
	}
}

// TestMergesAreReachable: each merge joins tokens that exist when its turn comes.
func TestMergesAreReachable(t *testing.T) {
	f, err := gguf.Parse(write(t, tinymodel.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tokens, _ := f.Strings("tokenizer.ggml.tokens")
	merges, err := f.Strings("tokenizer.ggml.merges")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, token := range tokens[:tinymodel.VocabSize-len(merges)] {
		known[token] = true
	}
	for _, m := range merges {
		left, right, ok := bytes.Cut([]byte(m), []byte(" "))
		if !ok || !known[string(left)] || !known[string(right)] {
			t.Errorf("merge %q joins what is no token yet", m)
		}
		known[string(left)+string(right)] = true
	}
}

func TestWeightsAreSmallAndFinite(t *testing.T) {
	f, err := gguf.Parse(write(t, tinymodel.Options{Seed: 3}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e, ok := f.Tensor("token_embd.weight")
	if !ok {
		t.Fatal("no embedding")
	}
	var sum, squares float64
	for i := 0; i < len(e.Data); i += 2 {
		v := float64(math.Float32frombits(uint32(e.Data[i])<<16 | uint32(e.Data[i+1])<<24))
		if math.IsNaN(v) || math.Abs(v) > 0.5 {
			t.Fatalf("value %d is %v", i/2, v)
		}
		sum += v
		squares += v * v
	}
	n := float64(len(e.Data) / 2)
	if mean, variance := sum/n, squares/n; math.Abs(mean) > 0.01 || variance < 0.05 {
		t.Errorf("mean %v, mean square %v: the weights are not spread over the range", mean, variance)
	}
}
