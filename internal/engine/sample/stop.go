package sample

import (
	"errors"
	"fmt"
	"slices"
)

// ErrEmptyStop is what [NewStops] returns for an empty stop string: every text
// contains it, so that it could only be a mistake.
var ErrEmptyStop = errors.New("sample: a stop string is empty")

// Stops are the token ids and the texts that end a sequence. They do not
// change, and serve any number of matchers at once.
type Stops struct {
	tokens   []int32
	patterns []pattern
}

// A pattern is a text to be found in a stream of bytes with the algorithm of
// Knuth, Morris and Pratt: the state is how much of the text the stream ends
// with, so nothing of the stream itself needs to be kept.
type pattern struct {
	text string
	// borders[n] is the length of the longest proper prefix of text[:n+1]
	// that is also its suffix: how much is left when the next byte does not fit.
	borders []int32
}

// NewStops returns the stops of a request; its memory is a small multiple of
// the texts' length. It copies tokens. The error is nil or wraps ErrEmptyStop.
func NewStops(tokens []int32, texts []string) (*Stops, error) {
	s := &Stops{tokens: slices.Clone(tokens)}
	for i, text := range texts {
		if text == "" {
			return nil, fmt.Errorf("stop string %d of %d: %w", i+1, len(texts), ErrEmptyStop)
		}
		s.patterns = append(s.patterns, newPattern(text))
	}
	return s, nil
}

func newPattern(text string) pattern {
	p := pattern{text: text, borders: make([]int32, len(text))}
	n := int32(0)
	for i := 1; i < len(text); i++ {
		n = p.advance(n, text[i])
		p.borders[i] = n
	}
	return p
}

// advance returns how much of the text the stream ends with after one more
// byte, if it was n before. It uses borders[:n] only.
func (p *pattern) advance(n int32, b byte) int32 {
	for n > 0 && (int(n) == len(p.text) || p.text[n] != b) {
		n = p.borders[n-1]
	}
	if p.text[n] == b {
		n++
	}
	return n
}

// HasTexts says whether there are stop strings. Without, matchers do not look
// at the tokens' bytes, and callers need not find them out.
func (s *Stops) HasTexts() bool { return len(s.patterns) > 0 }

// Matcher returns a matcher for a new sequence.
func (s *Stops) Matcher() *StopMatcher {
	return &StopMatcher{stops: s, matched: make([]int32, len(s.patterns))}
}

// A StopMatcher watches one sequence for its stops. It starts with an empty
// text: what the prompt ends with does not count. Its memory is one number per
// stop string. One goroutine at a time may use it.
type StopMatcher struct {
	stops   *Stops
	matched []int32 // by pattern: how much of it the text ends with
}

// Token adds a token and says whether it ends the sequence: its id is a stop
// token, or a stop string ends within its bytes, wherever it began. piece is
// all bytes that the token adds to the text, halves of characters included.
func (m *StopMatcher) Token(id int32, piece []byte) bool {
	text := m.Write(piece)
	return slices.Contains(m.stops.tokens, id) || text
}

// Write adds bytes to the text and says whether a stop string ends within them.
func (m *StopMatcher) Write(piece []byte) bool {
	found := false
	for i := range m.stops.patterns {
		p := &m.stops.patterns[i]
		n := m.matched[i]
		for _, b := range piece {
			n = p.advance(n, b)
			found = found || int(n) == len(p.text)
		}
		m.matched[i] = n
	}
	return found
}
