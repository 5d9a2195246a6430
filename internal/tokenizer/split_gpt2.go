package tokenizer

// splitGPT2 cuts as GPT-2 does:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitGPT2(s string, i int) int { return scanGPT2(s, i, false) }

// splitDigits cuts as SmolLM and StarCoder do: every digit is a piece of its
// own, and what lies between digits is cut as by [splitGPT2], which does not
// see beyond it.
func splitDigits(s string, i int) int { return scanGPT2(s, i, true) }

func scanGPT2(s string, i int, cutDigits bool) int {
	c, n := classAt(s, i)
	if cutDigits && c.isDigit() {
		return i + n
	}
	if s[i] == '\'' {
		if e := contraction(s[i+1:]); e > 0 {
			return i + 1 + e
		}
	}
	start := i // of the run: behind the optional space
	if s[i] == ' ' {
		next, m := classAt(s, i+1)
		if m > 0 && !next.isSpace() && !(cutDigits && next.isDigit()) {
			start, c = i+1, next
		}
	}
	switch {
	case c == letter:
		return runEnd(s, start, letter)
	case c == number:
		return runEnd(s, start, number)
	case c.isSpace():
		last, end := i, i
		for {
			c, n = classAt(s, end)
			if n == 0 || !c.isSpace() {
				break
			}
			last, end = end, end+n
		}
		return spaceEnd(i, last, end, n == 0 || cutDigits && c.isDigit())
	default:
		end := start
		for {
			c, n = classAt(s, end)
			if n == 0 || !c.isOther() || cutDigits && c.isDigit() {
				return end
			}
			end += n
		}
	}
}

// contraction returns the length of the English contraction at the start of s,
// the apostrophe being before it: s, t, re, ve, m, ll or d; 0 if there is none.
func contraction(s string) int {
	if len(s) == 0 {
		return 0
	}
	switch s[0] {
	case 's', 't', 'm', 'd':
		return 1
	case 'r', 'v':
		if len(s) > 1 && s[1] == 'e' {
			return 2
		}
	case 'l':
		if len(s) > 1 && s[1] == 'l' {
			return 2
		}
	}
	return 0
}
