package tokenizer

// Byte-level vocabularies are written in an alphabet of 256 printable
// characters, one per byte: the printable ones of Latin-1 stand for
// themselves, and the other 68 bytes, in rising order, for U+0100 onwards.
// A space is thus "Ġ" (U+0120) and a newline "Ċ" (U+010A).

// byteToRune is the alphabet; runeToByte turns it around, with -1 for the
// characters below alphabetEnd that are not in it.
var byteToRune, runeToByte = makeAlphabet()

const alphabetEnd = 256 + 68 // one past the alphabet's last character

func makeAlphabet() (to [256]rune, from [alphabetEnd]int16) {
	for i := range from {
		from[i] = -1
	}
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if b <= ' ' || b >= 0x7f && b <= 0xa0 || b == 0xad {
			r = next
			next++
		}
		to[b] = r
		from[r] = int16(b)
	}
	return to, from
}

// alphabetBytes returns the bytes that a token's text stands for, and whether
// all of it was in the alphabet. A text with any other character, such as a
// special token with a space in it, stands for itself.
func alphabetBytes(token string) (b []byte, ok bool) {
	b = make([]byte, 0, len(token))
	for _, r := range token {
		if r >= alphabetEnd || runeToByte[r] < 0 {
			return []byte(token), false
		}
		b = append(b, byte(runeToByte[r]))
	}
	return b, true
}
