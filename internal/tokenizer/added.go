package tokenizer

// An addedToken is one that is found in text as a whole, before anything else
// is done to the text.
type addedToken struct {
	text       string
	id         int32
	normalized bool // looked for after the text was normalised
}

// A matcher finds added tokens in text: of those that start first the longest.
// It is a trie over bytes.
type matcher struct {
	first [256]bool // the bytes with which a token can start
	edges map[edge]int32
	id    []int32 // node to the token that ends there; -1: none
}

type edge struct {
	node int32
	b    byte
}

func newMatcher() *matcher {
	return &matcher{edges: map[edge]int32{}, id: []int32{-1}}
}

func (m *matcher) add(text string, id int32) {
	if text == "" {
		return
	}
	m.first[text[0]] = true
	node := int32(0)
	for i := range len(text) {
		e := edge{node, text[i]}
		next, ok := m.edges[e]
		if !ok {
			next = int32(len(m.id))
			m.id = append(m.id, -1)
			m.edges[e] = next
		}
		node = next
	}
	m.id[node] = id
}

// cut calls emit for every part of text, in order: with the text between added
// tokens, which is never empty, or with "" and a token's id.
func (m *matcher) cut(text string, emit func(plain string, id int32)) {
	start := 0
	for i := 0; i < len(text); {
		if !m.first[text[i]] {
			i++
			continue
		}
		id, n := m.match(text[i:])
		if n == 0 {
			i++
			continue
		}
		if start < i {
			emit(text[start:i], -1)
		}
		emit("", id)
		i += n
		start = i
	}
	if start < len(text) {
		emit(text[start:], -1)
	}
}

// match returns the longest token that s starts with, and its length; 0 if
// there is none.
func (m *matcher) match(s string) (id int32, n int) {
	node := int32(0)
	for i := range len(s) {
		next, ok := m.edges[edge{node, s[i]}]
		if !ok {
			break
		}
		node = next
		if m.id[node] >= 0 {
			id, n = m.id[node], i+1
		}
	}
	return id, n
}
