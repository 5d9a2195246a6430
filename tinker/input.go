package tinker

import (
	"fmt"
	"slices"

	"tinsmith.example/internal/wire"
)

// A ModelInput is a prompt: chunks, one after the other. Its zero value is the
// empty prompt. The API has it, but a server may refuse it, as tinsmith does: there
// is nothing to continue or to score.
type ModelInput struct {
	Chunks []Chunk // in their order
}

// A Chunk is a piece of a prompt: EncodedText, Image, ImageAsset or DMel.
type Chunk interface {
	// wireChunk returns the chunk as it is sent, sharing nothing with it, or
	// an *ArgumentError whose field begins with the chunk's name.
	wireChunk(name string) (wire.Chunk, error)
	// Len returns how many tokens of the prompt the chunk makes up, as far as
	// that is known here.
	Len() int
	// exact reports whether the server agrees about Len.
	exact() bool
	// size is how large the chunk counts when prompts are admitted.
	size() int64
}

// EncodedText is text as token ids.
type EncodedText struct {
	Tokens []int32 // ids of the model's vocabulary, 0 or more
}

// FromTokens is the prompt that consists of these token ids, as
// [Tokenizer.Encode] returns them. It is from_ints for those who come from
// Python. The slice is not copied.
func FromTokens(tokens []int32) ModelInput {
	return ModelInput{Chunks: []Chunk{EncodedText{Tokens: tokens}}}
}

// Append returns the prompt with chunks after it; m stays as it is.
func (m ModelInput) Append(chunks ...Chunk) ModelInput {
	return ModelInput{Chunks: slices.Concat(m.Chunks, chunks)}
}

// Len returns the length of the prompt in tokens. How many an image is only the
// server knows: Len takes what the program expects.
func (m ModelInput) Len() int {
	n := 0
	for _, c := range m.Chunks {
		if c != nil {
			n += c.Len()
		}
	}
	return n
}

// exact reports whether the server agrees about Len.
func (m ModelInput) exact() bool {
	return !slices.ContainsFunc(m.Chunks, func(c Chunk) bool { return c != nil && !c.exact() })
}

// check refuses a chunk that is none.
func (m ModelInput) check() error {
	if i := slices.Index(m.Chunks, nil); i >= 0 {
		return &ArgumentError{fmt.Sprintf("Prompt.Chunks[%d]", i), nil, "a chunk"}
	}
	return nil
}

func (m ModelInput) size() (bytes int64) {
	for _, c := range m.Chunks {
		bytes += c.size()
	}
	return bytes
}

// Len returns the number of tokens.
func (t EncodedText) Len() int { return len(t.Tokens) }

func (t EncodedText) exact() bool { return true }

// size follows the API: ten bytes for a token.
func (t EncodedText) size() int64 { return 10 * int64(len(t.Tokens)) }

func (t EncodedText) wireChunk(name string) (wire.Chunk, error) {
	for i, id := range t.Tokens {
		if id < 0 {
			return wire.Chunk{}, &ArgumentError{fmt.Sprintf("%s.Tokens[%d]", name, i), id, "0 or more"}
		}
	}
	return wire.TextChunk(slices.Clone(t.Tokens)), nil
}
