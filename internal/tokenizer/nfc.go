package tokenizer

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// nfc returns s in Unicode's normalization form C as the reference makes it.
// That differs from [norm.NFC] in two ways: the reference's tables are older,
// see laterMarks, and it puts no joiner into long rows of marks. Text that is
// not valid UTF-8, which the reference cannot be given, stays as it is.
func nfc(s string) string {
	if norm.NFC.QuickSpanString(s) == len(s) || !utf8.ValidString(s) {
		return s
	}
	return string(compose(decompose(s)))
}

// A decomposed character. Those with a class other than 0 are marks, which
// stand in rising order of their class after the character that they belong to.
type decomposed struct {
	r     rune
	class uint8 // canonical combining class
}

// decompose returns s with every character taken apart and its marks in order.
func decompose(s string) []decomposed {
	out := make([]decomposed, 0, len(s))
	for _, r := range s {
		if r < utf8.RuneSelf || isLaterMark(r) {
			out = append(out, decomposed{r, 0})
			continue
		}
		for _, part := range norm.NFD.String(string(r)) {
			out = append(out, decomposed{part, norm.NFD.PropertiesString(string(part)).CCC()})
		}
	}
	for i := 0; i < len(out); {
		end := i + 1
		if out[i].class > 0 {
			for end < len(out) && out[end].class > 0 {
				end++
			}
			slices.SortStableFunc(out[i:end], func(a, b decomposed) int { return int(a.class) - int(b.class) })
		}
		i = end
	}
	return out
}

// compose puts characters and marks together again where Unicode has a
// character for both, by its canonical composition algorithm: a mark reaches
// the last character of class 0 if no mark of its class or above is between.
func compose(in []decomposed) []rune {
	out := make([]rune, 0, len(in))
	starter, last := -1, -1 // index in out; class of what is between it and here, -1: nothing
	for _, c := range in {
		if starter >= 0 && last < int(c.class) {
			if r, ok := composePair(out[starter], c.r); ok {
				out[starter] = r
				continue
			}
		}
		if c.class == 0 {
			starter, last = len(out), -1
		} else {
			last = int(c.class)
		}
		out = append(out, c.r)
	}
	return out
}

func composePair(a, b rune) (rune, bool) {
	if b < utf8.RuneSelf || isLaterMark(b) || norm.NFC.PropertiesString(string(b)).BoundaryBefore() {
		return 0, false
	}
	s := norm.NFC.String(string([]rune{a, b}))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}

// laterMarks are the code points that Go's tables know as marks, or as made of
// two, and the reference's do not: to it they are characters of their own.
// Found by asking the Python library tokenizers 0.23.3 to normalize every code
// point between marks of low and high class.
var laterMarks = []span{
	{0x7fd, 0x7fd}, {0x898, 0x89f}, {0x8ca, 0x8d3}, {0x9fe, 0x9fe}, {0xc3c, 0xc3c},
	{0xd3b, 0xd3c}, {0xeba, 0xeba}, {0x1715, 0x1715}, {0x1abf, 0x1ace}, {0x1df6, 0x1dfa},
	{0xa82c, 0xa82c}, {0x10d24, 0x10d27}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50},
	{0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x1183a},
	{0x11930, 0x11930}, {0x11938, 0x11938}, {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0},
	{0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42}, {0x11d44, 0x11d45},
	{0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x16ff0, 0x16ff1}, {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136},
	{0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef},
}

func isLaterMark(r rune) bool {
	if r < laterMarks[0].first {
		return false
	}
	_, found := slices.BinarySearchFunc(laterMarks, r, func(s span, r rune) int {
		switch {
		case s.last < r:
			return -1
		case s.first > r:
			return 1
		}
		return 0
	})
	return found
}
