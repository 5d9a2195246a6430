package tokenizer

import "strings"

// A Spec is what a GGUF file's metadata says of its tokenizer. [New] keeps its
// slices, which must not change any more.
type Spec struct {
	Model  string    // tokenizer.ggml.model, such as "gpt2"
	Pre    string    // tokenizer.ggml.pre, such as "smollm"
	Tokens []string  // tokenizer.ggml.tokens: id to token, in the byte-level alphabet
	Types  []int32   // tokenizer.ggml.token_type: id to type, see below; nil: all normal
	Merges []string  // tokenizer.ggml.merges: "left right", the first learnt first
	Scores []float32 // tokenizer.ggml.scores; "gpt2" has none

	BOS, EOS, Unknown, Padding int32 // ids; -1: none

	AddBOS       bool   // tokenizer.ggml.add_bos_token
	ChatTemplate string // tokenizer.chat_template, in Jinja; "": none
}

// The token types of GGUF.
const (
	typeNormal      = 1
	typeControl     = 3
	typeUserDefined = 4
	typeLast        = 6 // the others: 2 unknown, 5 unused, 6 byte
)

// modelGPT2 is GGUF's name for byte-level byte pair encoding.
const modelGPT2 = "gpt2"

// New returns the tokenizer that s describes. It fails with an
// [*UnsupportedError] if s needs something that this package does not have, and
// with a [*FormatError] if s contradicts itself. A chat template that cannot be
// used is reported by RenderChat instead.
func New(s Spec) (*Tokenizer, error) {
	if s.Model != modelGPT2 {
		return nil, &UnsupportedError{"tokenizer.ggml.model", s.Model, []string{modelGPT2}}
	}
	p := patterns[s.Pre]
	if p == nil {
		return nil, &UnsupportedError{"tokenizer.ggml.pre", s.Pre, patternNames()}
	}
	d := definition{
		tokens:       s.Tokens,
		special:      make([]bool, len(s.Tokens)),
		split:        p.split,
		normalize:    p.normalize,
		ignoreMerges: p.ignoreMerges,
		roles:        roles{s.BOS, s.EOS, s.Unknown, s.Padding, s.AddBOS},
		template:     s.ChatTemplate,
	}
	if s.Types != nil && len(s.Types) != len(s.Tokens) {
		return nil, malformed("tokenizer.ggml.token_type", "%d types for %d tokens", len(s.Types), len(s.Tokens))
	}
	for id, typ := range s.Types {
		switch {
		case typ < typeNormal || typ > typeLast:
			return nil, malformed("tokenizer.ggml.token_type", "token %d has type %d, which is not in 1 to %d", id, typ, typeLast)
		case typ == typeControl || typ == typeUserDefined:
			d.special[id] = typ == typeControl
			d.added = append(d.added, addedToken{text: s.Tokens[id], id: int32(id)})
		}
	}
	d.merges = make([][2]string, len(s.Merges))
	for i, m := range s.Merges {
		left, right, ok := strings.Cut(m, " ")
		if !ok {
			return nil, malformed("tokenizer.ggml.merges", "merge %d, %q, has no space", i, abbreviate(m))
		}
		d.merges[i] = [2]string{left, right}
	}
	t, err := d.build()
	if err != nil {
		return nil, err
	}
	t.hub = func() (map[string][]byte, error) { return hubFiles(&d, p) }
	return t, nil
}
