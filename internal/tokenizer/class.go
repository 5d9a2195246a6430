package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// A class is what the pre-tokenizers' patterns ask of a character.
type class uint8

const (
	other     class = iota // [^\s\p{L}\p{N}]
	letter                 // \p{L}
	number                 // \p{N}
	newNumber              // other to the patterns, a digit to the Digits step: see below
	space                  // \s
	newline                // \s and [\r\n]
)

func (c class) isSpace() bool { return c >= space }
func (c class) isOther() bool { return c == other || c == newNumber }
func (c class) isDigit() bool { return c == number || c == newNumber }

// The reference's regular expressions know Unicode 16 and its Digits step,
// which is no regular expression, Unicode 17; Go 1.26 has Unicode 15. These are
// the code points in between, found by asking the Python library tokenizers
// 0.23.3 about every code point. White space has not changed.
var (
	addedLetters = []span{
		{0x1c89, 0x1c8a}, {0xa7cb, 0xa7cd}, {0xa7da, 0xa7dc}, {0x105c0, 0x105f3},
		{0x10d4a, 0x10d65}, {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x11380, 0x11389},
		{0x1138b, 0x1138b}, {0x1138e, 0x1138e}, {0x11390, 0x113b5}, {0x113b7, 0x113b7},
		{0x113d1, 0x113d1}, {0x113d3, 0x113d3}, {0x11bc0, 0x11be0}, {0x13460, 0x143fa},
		{0x16100, 0x1611d}, {0x16d40, 0x16d6c}, {0x18cff, 0x18cff}, {0x1e5d0, 0x1e5ed},
		{0x1e5f0, 0x1e5f0}, {0x2ebf0, 0x2ee5d},
	}
	addedNumbers = []span{
		{0x10d40, 0x10d49}, {0x116d0, 0x116e3}, {0x11bf0, 0x11bf9}, {0x16130, 0x16139},
		{0x16d70, 0x16d79}, {0x1ccf0, 0x1ccf9}, {0x1e5f1, 0x1e5fa},
	}
	newerNumbers = []span{{0x11de0, 0x11de9}, {0x16ff4, 0x16ff6}}
)

// A span is a range of code points, both ends included.
type span struct{ first, last rune }

// classes holds the class of every code point below its length; those above
// are all other.
var classes = makeClasses()

func makeClasses() []class {
	const end = 0x323b0 // after the last letter: CJK Extension H
	table := make([]class, end)
	fill := func(c class, first, last, stride rune) {
		for r := first; r <= last; r += stride {
			table[r] = c
		}
	}
	for _, t := range []struct {
		table *unicode.RangeTable
		class class
	}{{unicode.L, letter}, {unicode.N, number}, {unicode.White_Space, space}} {
		for _, r := range t.table.R16 {
			fill(t.class, rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.table.R32 {
			fill(t.class, rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	for _, t := range []struct {
		spans []span
		class class
	}{{addedLetters, letter}, {addedNumbers, number}, {newerNumbers, newNumber}} {
		for _, s := range t.spans {
			fill(t.class, s.first, s.last, 1)
		}
	}
	table['\n'], table['\r'] = newline, newline
	return table
}

// classAt returns the class of the character at s[i:] and its length in bytes.
// A byte that is not valid UTF-8 is a character of its own, of class other.
// At the end of s the length is 0.
func classAt(s string, i int) (class, int) {
	if i >= len(s) {
		return other, 0
	}
	if b := s[i]; b < utf8.RuneSelf {
		return classes[b], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	if int(r) >= len(classes) {
		return other, n
	}
	return classes[r], n
}
