// Package tinymodel makes a model that is small enough to generate on the spot:
// a Llama of two layers with random weights, and a byte-level tokenizer for it,
// as a GGUF file like any other.
//
// It is for tests and for package local: what opens the file takes the same
// path as for a downloaded model, only faster. What it says means nothing, but
// it depends on every token before it, and the same options always give the
// same file, byte for byte, on every machine. This package writes files and
// runs nothing; package engine reads them.
package tinymodel

import (
	"io"

	"tinsmith.example/internal/weights/gguf"
)

// Name is what the model is served as. It has the Hub's form, org/name.
const Name = "tinsmith/tiny"

// The model's shape.
const (
	VocabSize  = 300
	Layers     = 2
	Dim        = 64
	HiddenDim  = 160
	Heads      = 4
	KVHeads    = 2
	HeadDim    = Dim / Heads
	EndOfText  = 0 // <|endoftext|>
	StartToken = 1 // <|im_start|>, also the beginning of a sequence
	EndToken   = 2 // <|im_end|>, the end of a sequence
)

// DefaultContextLength is the context of a model whose options name none.
const DefaultContextLength = 1024

// Options choose one of many such models. The zero value is useful.
type Options struct {
	Seed          uint64 // of the weights
	ContextLength int    // in tokens; 0: DefaultContextLength
}

// Write writes the model to w as a GGUF file of about 230 kB.
func Write(w io.Writer, o Options) error {
	if o.ContextLength == 0 {
		o.ContextLength = DefaultContextLength
	}
	meta := append(architecture(o), vocabulary()...)
	return gguf.Write(w, meta, tensors(o.Seed))
}

// architecture is what the file says of the model's shape.
func architecture(o Options) []gguf.KV {
	return []gguf.KV{
		{Key: "general.architecture", Value: "llama"},
		{Key: "general.name", Value: Name},
		{Key: "general.file_type", Value: uint32(32)}, // mostly BF16
		{Key: "llama.block_count", Value: uint32(Layers)},
		{Key: "llama.context_length", Value: uint32(o.ContextLength)},
		{Key: "llama.embedding_length", Value: uint32(Dim)},
		{Key: "llama.feed_forward_length", Value: uint32(HiddenDim)},
		{Key: "llama.attention.head_count", Value: uint32(Heads)},
		{Key: "llama.attention.head_count_kv", Value: uint32(KVHeads)},
		{Key: "llama.attention.layer_norm_rms_epsilon", Value: float32(1e-5)},
		{Key: "llama.rope.dimension_count", Value: uint32(HeadDim)},
		{Key: "llama.rope.freq_base", Value: float32(10000)},
		{Key: "llama.vocab_size", Value: uint32(VocabSize)},
	}
}
