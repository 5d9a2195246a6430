package tokenizer

// A definition is a byte-level tokenizer as the formats describe it, each in
// its own words. Its slices must not change any more.
type definition struct {
	tokens  []string // "": no token has this id
	special []bool   // as many
	added   []addedToken
	merges  [][2]string

	split        splitter
	normalize    string // "NFC", or "" for none
	ignoreMerges bool   // see pattern

	roles    roles
	template string
}

// maxTokens bounds vocabularies; the largest in use have about 260,000 tokens.
const maxTokens = 1 << 22

// build checks the definition and makes the tokenizer.
func (d *definition) build() (*Tokenizer, error) {
	if n := len(d.tokens); n == 0 || n > maxTokens {
		return nil, malformed("tokens", "there are %d, which is not in 1 to %d", n, maxTokens)
	}
	v, err := newVocabulary(d.tokens, d.special)
	if err != nil {
		return nil, err
	}
	for _, role := range []struct {
		name string
		id   int32
	}{{"bos", d.roles.bos}, {"eos", d.roles.eos}, {"unknown", d.roles.unknown}, {"padding", d.roles.padding}} {
		if role.id < -1 || int(role.id) >= len(d.tokens) {
			return nil, malformed(role.name+" token", "id %d is not in -1 to %d", role.id, len(d.tokens)-1)
		}
	}
	t := &Tokenizer{
		vocabulary: v,
		verbatim:   newMatcher(),
		normal:     newMatcher(),
		split:      d.split,
		roles:      d.roles,
		template:   d.template,
	}
	if d.normalize == "NFC" {
		t.normalize = nfc
	}
	for _, a := range d.added {
		switch {
		case !a.normalized:
			t.verbatim.add(a.text, a.id)
		case t.normalize != nil:
			t.normal.add(t.normalize(a.text), a.id)
		default:
			t.normal.add(a.text, a.id)
		}
	}
	if t.merger, err = newMerger(&v, d.merges, d.ignoreMerges); err != nil {
		return nil, err
	}
	t.chat.source = d.template
	return t, nil
}

func newMerger(v *vocabulary, merges [][2]string, ignoreMerges bool) (*merger, error) {
	m := &merger{cache: newPieceCache(), pairs: newPairTable(len(merges))}
	for b, r := range byteToRune {
		id, ok := v.ids[string(r)]
		if !ok {
			id = -1
		}
		m.byteID[b] = id
	}
	for i, pair := range merges {
		var ids [3]int32
		for k, text := range [3]string{pair[0], pair[1], pair[0] + pair[1]} {
			id, ok := v.ids[text]
			if !ok {
				return nil, malformed("merges", "merge %d, %q and %q, needs the token %q, which is not there",
					i, abbreviate(pair[0]), abbreviate(pair[1]), abbreviate(text))
			}
			ids[k] = id
		}
		m.pairs.add(ids[0], ids[1], uint32(i), ids[2])
	}
	if ignoreMerges {
		m.whole = make(map[string]int32, len(v.tokens))
		for id, text := range v.tokens {
			if b, ok := alphabetBytes(text); ok && text != "" {
				m.whole[string(b)] = int32(id)
			}
		}
	}
	return m, nil
}
