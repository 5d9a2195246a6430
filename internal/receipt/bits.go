package receipt

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"tinsmith.example/internal/wire"
)

// bits are log probabilities. In JSON each is the eight hexadecimal digits of
// its IEEE 754 binary32 form, so that no number is printed or read as a
// decimal: "bf000000" is -0.5. Null is one that was not computed, which is NaN
// here.
type bits []float32

func appendBits(b []byte, f float32) []byte {
	if f != f {
		return append(b, "null"...)
	}
	return fmt.Appendf(b, `"%08x"`, math.Float32bits(f))
}

// MarshalJSONTo writes a list, also for nil.
func (l bits) MarshalJSONTo(enc *jsontext.Encoder) error {
	b := make([]byte, 0, 2+11*len(l))
	b = append(b, '[')
	for i, f := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendBits(b, f)
	}
	return enc.WriteValue(append(b, ']'))
}

// UnmarshalJSONFrom reads a list.
func (l *bits) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	list := bits{}
	err := eachEntry(dec, "a list of bits", func() error {
		f, err := readBits(dec)
		list = append(list, f)
		return err
	})
	*l = list
	return err
}

// readBits reads one log probability.
func readBits(dec *jsontext.Decoder) (float32, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return 0, err
	}
	switch token.Kind() {
	case 'n':
		return float32(math.NaN()), nil
	case '"':
		return parseBits(token.String())
	}
	return 0, errBits
}

var errBits = errors.New(`want the 8 hexadecimal digits of a float32's bits, such as "bf000000", or null`)

// parseBits reads eight lower-case digits. NaN has no digits: it is null.
func parseBits(text string) (float32, error) {
	var b [4]byte
	if len(text) != 8 || !lowerHex(text) {
		return 0, errBits
	}
	if _, err := hex.Decode(b[:], []byte(text)); err != nil {
		return 0, errBits
	}
	f := math.Float32frombits(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	if f != f {
		return 0, fmt.Errorf("%s is not a number; what was not computed is null", text)
	}
	return f, nil
}

func lowerHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// A table has the likeliest tokens of each position as [id, bits] pairs. In JSON
// a row that was not computed is null, and nil here.
type table [][]wire.TokenLogprob

// MarshalJSONTo writes a list of rows, also for nil.
func (t table) MarshalJSONTo(enc *jsontext.Encoder) error {
	b := []byte{'['}
	for i, row := range t {
		if i > 0 {
			b = append(b, ',')
		}
		if row == nil {
			b = append(b, "null"...)
			continue
		}
		b = append(b, '[')
		for j, cell := range row {
			if j > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, "[%d,", cell.Token)
			b = append(appendBits(b, cell.Logprob), ']')
		}
		b = append(b, ']')
	}
	return enc.WriteValue(append(b, ']'))
}

// UnmarshalJSONFrom reads a list of rows.
func (t *table) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	rows := table{}
	err := eachEntry(dec, "a list of rows", func() error {
		if dec.PeekKind() == 'n' {
			rows = append(rows, nil)
			return dec.SkipValue()
		}
		row := []wire.TokenLogprob{}
		err := eachEntry(dec, "a row of [id, bits] pairs", func() error {
			cell, err := readCell(dec)
			row = append(row, cell)
			return err
		})
		rows = append(rows, row)
		return err
	})
	*t = rows
	return err
}

// readCell reads one [id, bits] pair.
func readCell(dec *jsontext.Decoder) (cell wire.TokenLogprob, err error) {
	const want = "an [id, bits] pair"
	n := 0
	err = eachEntry(dec, want, func() (err error) {
		switch n++; n {
		case 1:
			cell.Token, err = readToken(dec)
		case 2:
			cell.Logprob, err = readBits(dec)
		default:
			err = errors.New("want " + want)
		}
		return err
	})
	if err == nil && n < 2 {
		err = errors.New("want " + want)
	}
	return cell, err
}

// readToken reads one token id.
func readToken(dec *jsontext.Decoder) (int32, error) {
	raw, err := dec.ReadValue()
	if err != nil {
		return 0, err
	}
	var one wire.Tokens
	if err := wire.Decode(fmt.Appendf(nil, "[%s]", raw), &one); err != nil || len(one) != 1 {
		return 0, errors.New("want a token id")
	}
	return one[0], nil
}

// eachEntry reads the list that comes next and calls read for every entry,
// which read has to take.
func eachEntry(dec *jsontext.Decoder, want string, read func() error) error {
	if kind := dec.PeekKind(); kind != '[' && kind != jsontext.KindInvalid {
		return errors.New("want " + want)
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}
