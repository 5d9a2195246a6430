package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Decode returns the text of ids. Special tokens are written out; ids without a
// token are left out. Bytes that are not valid UTF-8 become U+FFFD, one for
// each longest part that could have begun a character, as in the reference.
func (t *Tokenizer) Decode(ids []int32) string {
	return t.decode(ids, false)
}

// DecodeSkipSpecial is Decode without the special tokens.
func (t *Tokenizer) DecodeSkipSpecial(ids []int32) string {
	return t.decode(ids, true)
}

func (t *Tokenizer) decode(ids []int32, skipSpecial bool) string {
	var raw []byte
	for _, id := range ids {
		if !(skipSpecial && t.IsSpecial(id)) {
			raw = append(raw, t.TokenBytes(id)...)
		}
	}
	if utf8.Valid(raw) {
		return string(raw)
	}
	var text strings.Builder
	rest := appendText(&text, raw)
	if len(rest) > 0 {
		text.WriteRune(utf8.RuneError)
	}
	return text.String()
}

// A Decoder decodes ids one at a time. What it returns ends with a whole
// character each time, and put together it is what Decode returns for all the
// ids. It is for one goroutine.
type Decoder struct {
	t *Tokenizer
	// pending is the beginning of a character whose other bytes have not come
	// yet: at most 3 bytes.
	pending []byte
}

// NewDecoder returns a decoder at the start of a text.
func (t *Tokenizer) NewDecoder() *Decoder { return &Decoder{t: t} }

// Write adds a token and returns the text that is now certain, "" if it has
// only begun a character.
func (d *Decoder) Write(id int32) string {
	d.pending = append(d.pending, d.t.TokenBytes(id)...)
	var text strings.Builder
	rest := appendText(&text, d.pending)
	d.pending = d.pending[:copy(d.pending, rest)]
	return text.String()
}

// Flush returns what is left at the end of the text, U+FFFD if it ended within
// a character. The decoder is then at the start of a new text.
func (d *Decoder) Flush() string {
	if len(d.pending) == 0 {
		return ""
	}
	d.pending = d.pending[:0]
	return string(utf8.RuneError)
}

// appendText appends raw to text, with U+FFFD for each longest part that begins
// no character. It returns what is left at the end: the beginning of a
// character that more bytes could complete.
func appendText(text *strings.Builder, raw []byte) (rest []byte) {
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		if r != utf8.RuneError || n > 1 {
			text.Write(raw[:n])
			raw = raw[n:]
			continue
		}
		if !utf8.FullRune(raw) {
			return raw
		}
		text.WriteRune(utf8.RuneError)
		raw = raw[brokenLength(raw):]
	}
	return nil
}

// brokenLength returns how many bytes of raw, which does not begin with a
// character, are the longest part that could begin one; at least 1.
func brokenLength(raw []byte) int {
	n := 1
	for n < len(raw) && !utf8.FullRune(raw[:n]) {
		n++
	}
	// raw[:n] is the shortest prefix that cannot be completed, so its last byte
	// is the one that does not belong, unless it is the only one.
	return max(n-1, 1)
}
