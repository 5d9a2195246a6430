package tokenizer

// A vocabulary is the table of tokens. Ids run from 0 to its size; some may
// have no token.
type vocabulary struct {
	tokens  []string // id to text as the files have it; "": no token
	bytes   [][]byte // id to what the token stands for; nil: no token
	special []bool   // id to: is it a control token, such as an end of turn
	ids     map[string]int32
}

// VocabSize returns one more than the highest token id.
func (v *vocabulary) VocabSize() int { return len(v.tokens) }

// TokenID returns the id of the token that is text as a whole, such as
// "<|im_end|>", and whether there is one. Ordinary tokens are named as in the
// model's files, where "Ġthe" is " the".
func (v *vocabulary) TokenID(text string) (id int32, ok bool) {
	id, ok = v.ids[text]
	return id, ok
}

// IsSpecial reports whether id is a control token: one that structures text and
// is no part of it.
func (v *vocabulary) IsSpecial(id int32) bool {
	return v.has(id) && v.special[id]
}

// TokenBytes returns the bytes that a token stands for, which need not be whole
// characters; for special tokens their text. It returns nil if there is no such
// token. The caller must not change the bytes.
func (v *vocabulary) TokenBytes(id int32) []byte {
	if !v.has(id) {
		return nil
	}
	return v.bytes[id]
}

func (v *vocabulary) has(id int32) bool { return id >= 0 && int(id) < len(v.bytes) }

// newVocabulary makes a vocabulary of tokens in the byte-level alphabet. Empty
// texts are ids without a token.
func newVocabulary(tokens []string, special []bool) (vocabulary, error) {
	v := vocabulary{
		tokens:  tokens,
		bytes:   make([][]byte, len(tokens)),
		special: special,
		ids:     make(map[string]int32, len(tokens)),
	}
	for id, text := range tokens {
		if text == "" {
			continue
		}
		if first, dup := v.ids[text]; dup {
			return vocabulary{}, malformed("tokens", "%q is token %d and token %d", abbreviate(text), first, id)
		}
		v.ids[text] = int32(id)
		v.bytes[id], _ = alphabetBytes(text)
	}
	return v, nil
}
