package tokenizer

import "strings"

// The patterns of Llama 3 and of Qwen 2, which differ in the digits only.
const (
	llama3Regex = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` + llama3Tail
	qwen2Regex  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}` + llama3Tail
	llama3Tail  = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

func splitLlama3(s string, i int) int { return scanLlama3(s, i, 3) }

func splitQwen2(s string, i int) int { return scanLlama3(s, i, 1) }

// scanLlama3 follows [llama3Regex], with pieces of at most maxDigits digits.
func scanLlama3(s string, i, maxDigits int) int {
	if s[i] == '\'' {
		if e := foldedContraction(s[i+1:]); e > 0 {
			return i + 1 + e
		}
	}
	c, n := classAt(s, i)
	switch c {
	case letter:
		return runEnd(s, i+n, letter)
	case number:
		end := i + n
		for range maxDigits - 1 {
			c, n := classAt(s, end)
			if c != number || n == 0 {
				break
			}
			end += n
		}
		return end
	}
	next, m := classAt(s, i+n)
	if m > 0 && next == letter && c != newline {
		return runEnd(s, i+n, letter)
	}
	if c.isOther() || s[i] == ' ' && m > 0 && next.isOther() {
		end := i + n
		for {
			c, n := classAt(s, end)
			if n == 0 || !c.isOther() {
				return runEnd(s, end, newline)
			}
			end += n
		}
	}
	// White space: up to the run's last newline if it has one.
	last, end, afterNewline := i, i, 0
	for {
		c, n = classAt(s, end)
		if n == 0 || !c.isSpace() {
			break
		}
		last, end = end, end+n
		if c == newline {
			afterNewline = end
		}
	}
	if afterNewline > 0 {
		return afterNewline
	}
	return spaceEnd(i, last, end, n == 0)
}

// foldedContraction is [contraction] without regard to case. The long s
// (U+017F) folds to s.
func foldedContraction(s string) int {
	const longS = "ſ"
	if strings.HasPrefix(s, longS) {
		return len(longS)
	}
	var lower [2]byte
	n := copy(lower[:], s)
	for i, b := range lower[:n] {
		if 'A' <= b && b <= 'Z' {
			lower[i] = b + 'a' - 'A'
		}
	}
	return contraction(string(lower[:n]))
}
