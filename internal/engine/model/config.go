// Package model is the forward pass: token ids and a KV cache in, logits out.
//
// It binds the weights of a file by name and runs them as a straight list of
// calls to package kernel. What runs in a step is decided by package sched;
// what becomes of the logits, by package sample. It keeps no state of a
// sequence: that is all in the blocks of its KV cache.
package model

import (
	"errors"
	"fmt"
	"math"

	"tinsmith.example/internal/engine/kernel"
	"tinsmith.example/internal/weights/gguf"
)

// Config is a Llama's shape.
type Config struct {
	Dim       int     // of the residual stream
	Layers    int     //
	Heads     int     // query heads
	KVHeads   int     // divides Heads
	HeadDim   int     // of queries, keys and values alike; even
	FFN       int     // of the hidden layer of the feed-forward part
	Vocab     int     // rows of the embedding
	Context   int     // most positions of a sequence
	NormEps   float32 //
	RoPETheta float64 //
}

// A ConfigError says that a file's model is not one that this package runs.
type ConfigError struct {
	Key   string // the metadata key or the tensor
	Value any
	Want  string
}

func (e *ConfigError) Error() string {
	return fmt.Sprintf("model: %s = %v: %s", e.Key, e.Value, e.Want)
}

// limits keep a hostile file's products within an int, and its tables within
// reason.
const (
	maxDim     = 1 << 17
	maxLayers  = 1 << 10
	maxVocab   = 1 << 20
	maxContext = 1 << 20
)

// readConfig takes the shape from a file's metadata.
func readConfig(f *gguf.File) (Config, error) {
	arch, err := f.String("general.architecture")
	if err != nil {
		return Config{}, err
	}
	if arch != "llama" {
		return Config{}, &ConfigError{"general.architecture", arch, `only "llama" can be run`}
	}
	r := reader{file: f}
	c := Config{
		Dim:       r.size("llama.embedding_length", maxDim),
		Layers:    r.size("llama.block_count", maxLayers),
		Heads:     r.size("llama.attention.head_count", maxDim),
		FFN:       r.size("llama.feed_forward_length", maxDim),
		Context:   r.size("llama.context_length", maxContext),
		NormEps:   float32(r.float("llama.attention.layer_norm_rms_epsilon", 0, 1)),
		RoPETheta: 10000,
	}
	c.KVHeads = c.Heads
	if f.Has("llama.attention.head_count_kv") {
		c.KVHeads = r.size("llama.attention.head_count_kv", maxDim)
	}
	if f.Has("llama.rope.freq_base") {
		c.RoPETheta = r.float("llama.rope.freq_base", 1, 1e12)
	}
	if r.err != nil {
		return Config{}, r.err
	}
	if err := c.setHeadDim(f, &r); err != nil {
		return Config{}, err
	}
	return c, errors.Join(r.err, refuseVariants(f))
}

// setHeadDim sets HeadDim and checks that the heads fit each other.
func (c *Config) setHeadDim(f *gguf.File, r *reader) error {
	c.HeadDim = c.Dim / c.Heads
	if f.Has("llama.attention.key_length") {
		c.HeadDim = r.size("llama.attention.key_length", 1<<12)
	}
	for _, key := range []string{"llama.attention.value_length", "llama.rope.dimension_count"} {
		if f.Has(key) {
			if n := r.size(key, 1<<12); r.err == nil && n != c.HeadDim {
				return &ConfigError{key, n, fmt.Sprintf("heads have %d dimensions; others for a part of them cannot be run", c.HeadDim)}
			}
		}
	}
	switch {
	case r.err != nil:
		return r.err
	case c.HeadDim < 2 || c.HeadDim%2 != 0:
		return &ConfigError{"head dimension", c.HeadDim, "must be even and at least 2"}
	case c.KVHeads > c.Heads || c.Heads%c.KVHeads != 0:
		return &ConfigError{"llama.attention.head_count_kv", c.KVHeads, fmt.Sprintf("must divide the %d query heads", c.Heads)}
	case c.Heads/c.KVHeads > kernel.MaxAttentionRows:
		return &ConfigError{"llama.attention.head_count_kv", c.KVHeads, fmt.Sprintf("with %d query heads each would serve more than %d", c.Heads, kernel.MaxAttentionRows)}
	case c.Heads*((c.HeadDim+kernel.BlockK-1)/kernel.BlockK)*kernel.BlockK > maxDim: // as they are padded
		return &ConfigError{"llama.attention.head_count", c.Heads, fmt.Sprintf("with %d dimensions a head: more than %d together", c.HeadDim, maxDim)}
	}
	return nil
}

// refuseVariants refuses what would change the forward pass and is not done
// here: better no model than a wrong one.
func refuseVariants(f *gguf.File) error {
	for _, key := range []string{
		"llama.expert_count", "llama.attention.sliding_window",
		"llama.logit_scale", "llama.residual_scale", "llama.embedding_scale",
		"llama.attention.scale", "llama.attention.clamp_kqv",
		"llama.attn_logit_softcapping", "llama.final_logit_softcapping",
	} {
		if v, err := f.Float(key); err == nil && v != 0 {
			return &ConfigError{key, v, "cannot be run"}
		}
		if v, err := f.Int(key); err == nil && v != 0 {
			return &ConfigError{key, v, "cannot be run"}
		}
	}
	for _, key := range []string{"llama.rope.scaling.factor", "llama.rope.scale_linear"} { // without a type they mean linear
		if v, err := f.Float(key); err == nil && v != 0 && v != 1 {
			return &ConfigError{key, v, "scaled rotary embedding cannot be run"}
		}
	}
	if s, err := f.String("llama.rope.scaling.type"); err == nil && s != "none" && s != "" {
		return &ConfigError{"llama.rope.scaling.type", s, "scaled rotary embedding cannot be run"}
	}
	return nil
}

// reader reads metadata and keeps the first error.
type reader struct {
	file *gguf.File
	err  error
}

func (r *reader) size(key string, limit int) int {
	v, err := r.file.Uint(key)
	if err == nil && (v < 1 || v > uint64(limit)) {
		err = &ConfigError{key, v, fmt.Sprintf("must be 1 to %d", limit)}
	}
	if r.err == nil {
		r.err = err
	}
	return int(v)
}

func (r *reader) float(key string, low, high float64) float64 {
	v, err := r.file.Float(key)
	if err == nil && (math.IsNaN(v) || v < low || v > high) {
		err = &ConfigError{key, v, fmt.Sprintf("must be %g to %g", low, high)}
	}
	if r.err == nil {
		r.err = err
	}
	return v
}
