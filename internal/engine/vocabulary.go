package engine

import (
	"errors"
	"fmt"

	"tinsmith.example/internal/tokenizer"
	"tinsmith.example/internal/weights/gguf"
)

// readTokenizer makes the tokenizer that a file's metadata describe.
func readTokenizer(f *gguf.File) (*tokenizer.Tokenizer, error) {
	r := metaReader{file: f}
	spec := tokenizer.Spec{
		Model:        r.text("tokenizer.ggml.model"),
		Pre:          r.text("tokenizer.ggml.pre"),
		Tokens:       r.texts("tokenizer.ggml.tokens"),
		Merges:       r.texts("tokenizer.ggml.merges"),
		BOS:          r.id("tokenizer.ggml.bos_token_id"),
		EOS:          r.id("tokenizer.ggml.eos_token_id"),
		Unknown:      r.id("tokenizer.ggml.unknown_token_id"),
		Padding:      r.id("tokenizer.ggml.padding_token_id"),
		ChatTemplate: r.text("tokenizer.chat_template"),
	}
	if f.Has("tokenizer.ggml.token_type") {
		types, err := f.Ints("tokenizer.ggml.token_type")
		r.keep(err)
		for _, t := range types {
			spec.Types = append(spec.Types, int32(t))
		}
	}
	if f.Has("tokenizer.ggml.scores") {
		scores, err := f.Floats("tokenizer.ggml.scores")
		r.keep(err)
		for _, s := range scores {
			spec.Scores = append(spec.Scores, float32(s))
		}
	}
	if f.Has("tokenizer.ggml.add_bos_token") {
		add, err := f.Bool("tokenizer.ggml.add_bos_token")
		r.keep(err)
		spec.AddBOS = add
	}
	if r.err != nil {
		return nil, r.err
	}
	t, err := tokenizer.New(spec)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

// metaReader reads optional metadata and keeps the first error that is not a
// missing key.
type metaReader struct {
	file *gguf.File
	err  error
}

func (r *metaReader) keep(err error) {
	if r.err == nil && !errors.Is(err, gguf.ErrNoKey) {
		r.err = err
	}
}

func (r *metaReader) text(key string) string {
	s, err := r.file.String(key)
	r.keep(err)
	return s
}

func (r *metaReader) texts(key string) []string {
	s, err := r.file.Strings(key)
	r.keep(err)
	return s
}

// id is a token id, -1 without the key.
func (r *metaReader) id(key string) int32 {
	v, err := r.file.Uint(key)
	r.keep(err)
	if err != nil {
		return -1
	}
	if v > 1<<31-1 {
		r.keep(fmt.Errorf("%s = %d is not a token id", key, v))
		return -1
	}
	return int32(v)
}
