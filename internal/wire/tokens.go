package wire

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Tokens are token ids. In JSON they are a list of integers, read and written
// by hand: prompts have tens of thousands of them.
type Tokens []int32

// MarshalJSONTo writes a list, also for nil.
func (t Tokens) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteValue(t.appendJSON(make([]byte, 0, 2+7*len(t))))
}

func (t Tokens) appendJSON(b []byte) []byte {
	b = append(b, '[')
	for i, id := range t {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendToken(b, id)
	}
	return append(b, ']')
}

// appendToken is strconv.AppendInt, in half the time for ids as vocabularies have
// them: below a million.
func appendToken(b []byte, id int32) []byte {
	n := uint32(id)
	switch {
	case n >= 1_000_000:
		return strconv.AppendInt(b, int64(id), 10)
	case n >= 1000:
		last := &threeDigits[n%1000]
		return append(appendBelowThousand(b, n/1000), last[0], last[1], last[2])
	}
	return appendBelowThousand(b, n)
}

func appendBelowThousand(b []byte, n uint32) []byte {
	d := &threeDigits[n]
	switch {
	case n >= 100:
		return append(b, d[0], d[1], d[2])
	case n >= 10:
		return append(b, d[1], d[2])
	}
	return append(b, d[2])
}

// threeDigits has the numbers below 1000, with zeros before them.
var threeDigits = func() (table [1000][3]byte) {
	for n := range table {
		table[n] = [3]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)}
	}
	return table
}()

// textSize is how many bytes the ids and commas of a list take, or a few more.
func (t Tokens) textSize() int {
	n := 0
	for _, id := range t {
		switch {
		case id < 0 || id >= 1_000_000:
			n += len("-2147483648,")
		case id >= 10_000:
			n += len("123456,")
		case id >= 100:
			n += len("1234,")
		default:
			n += len("12,")
		}
	}
	return n
}

// UnmarshalJSONFrom reads a list of integers that fit into an int32. Null
// leaves t as it is.
func (t *Tokens) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch kind := dec.PeekKind(); kind {
	case 'n':
		return dec.SkipValue()
	case '[':
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		*t, err = parseTokens(raw)
		return err
	case jsontext.KindInvalid:
		_, err := dec.ReadValue()
		return err
	default:
		return fmt.Errorf("want a list of token ids, got %s", kindName(kind))
	}
}

// parseTokens reads a valid JSON list as token ids. The result is never nil.
func parseTokens(raw jsontext.Value) (Tokens, error) {
	tokens := make(Tokens, 0, bytes.Count(raw, []byte{','})+1)
	err := eachNumber(raw, func(text []byte) error {
		if id, ok := plainInteger(text); ok {
			tokens = append(tokens, id)
			return nil
		}
		id, err := parseInteger(string(text), 64)
		if err != nil {
			return err
		}
		if id < math.MinInt32 || id > math.MaxInt32 {
			return fmt.Errorf("token id %d is not in [%d, %d]", id, math.MinInt32, math.MaxInt32)
		}
		tokens = append(tokens, int32(id))
		return nil
	})
	return tokens, err
}

// plainInteger reads up to nine digits: nearly every token id, without the
// allocation that text for an error message takes.
func plainInteger(text []byte) (int32, bool) {
	if len(text) > 9 {
		return 0, false
	}
	var n int32
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int32(c-'0')
	}
	return n, true
}

// parseInt64s reads a valid JSON list as integers. The result is never nil.
func parseInt64s(raw jsontext.Value) ([]int64, error) {
	list := make([]int64, 0, bytes.Count(raw, []byte{','})+1)
	err := eachNumber(raw, func(text []byte) error {
		n, err := parseInteger(string(text), 64)
		list = append(list, n)
		return err
	})
	return list, err
}

// eachNumber calls f with every entry of raw, which is valid JSON, and fails if
// raw is not a list or one of its entries not a number.
func eachNumber(raw jsontext.Value, f func([]byte) error) error {
	if kind := raw.Kind(); kind != '[' {
		return fmt.Errorf("want a list of numbers, got %s", kindName(kind))
	}
	rest := bytes.TrimSpace(raw)
	rest = rest[1 : len(rest)-1]
	if len(bytes.TrimSpace(rest)) == 0 {
		return nil
	}
	for i := 0; ; i++ {
		entry, tail, more := bytes.Cut(rest, []byte{','})
		entry = bytes.TrimSpace(entry)
		if c := entry[0]; c != '-' && (c < '0' || c > '9') {
			return &FormatError{Path: fmt.Sprintf("[%d]", i), Err: fmt.Errorf("want a number, got %s", kindName(jsontext.Kind(c)))}
		}
		if err := f(entry); err != nil {
			return &FormatError{Path: fmt.Sprintf("[%d]", i), Err: err}
		}
		if !more {
			return nil
		}
		rest = tail
	}
}
