// Package tokenizer turns text into token ids and back, and conversations into
// prompts. It reads what a model's files say of its tokenizer, a GGUF file's
// metadata ([New]) or a Hugging Face tokenizer.json ([FromJSON]), and gives
// exactly the ids and the text that the Python library tokenizers gives; what
// it could not reproduce exactly it refuses. It knows no files and no models,
// and imports no other package of this module.
//
// Text takes this way: tokens that are written out in it are found first
// (added.go); what lies between is normalised, cut into pieces by the model's
// pattern (split.go and its neighbours, class.go), and each piece is merged
// from bytes to tokens (bpe.go, behind cache.go). Ids become bytes by a table,
// and bytes become characters in decode.go.
package tokenizer

// A Tokenizer turns text into token ids and back. It never changes, and any
// number of goroutines may use it.
type Tokenizer struct {
	vocabulary
	// Tokens written out in text: verbatim ones are looked for in the text as it
	// is, normal ones after it was normalised.
	verbatim, normal *matcher
	normalize        func(string) string // nil: not at all
	split            splitter
	merger           *merger

	roles    roles
	template string // the chat template's source, "": none
	chat     chatTemplate
	hub      func() (map[string][]byte, error)
}

// Encode returns the ids of text's tokens. Special tokens that are written out
// in text become their ids; nothing is added at the start or the end. Bytes for
// which the vocabulary has no token are left out, as in the reference. Text
// that is not valid UTF-8 is encoded byte by byte.
func (t *Tokenizer) Encode(text string) []int32 {
	ids := make([]int32, 0, len(text)/3+4)
	t.verbatim.cut(text, func(plain string, id int32) {
		if plain == "" {
			ids = append(ids, id)
			return
		}
		if t.normalize != nil {
			plain = t.normalize(plain)
		}
		t.normal.cut(plain, func(plain string, id int32) {
			if plain == "" {
				ids = append(ids, id)
				return
			}
			for i := 0; i < len(plain); {
				end := t.split(plain, i)
				ids = t.merger.append(ids, plain[i:end])
				i = end
			}
		})
	})
	return ids
}

// BOS returns the id of the token that starts a text, -1 if there is none.
func (t *Tokenizer) BOS() int32 { return t.roles.bos }

// EOS returns the id of the token that ends a text, -1 if there is none.
func (t *Tokenizer) EOS() int32 { return t.roles.eos }

// Roles are the tokens with a part to play, -1 where there is none.
type roles struct {
	bos, eos, unknown, padding int32
	addBOS                     bool // the reference starts texts with bos, unless told not to
}
