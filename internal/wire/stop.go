package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A StopKind is the form in which a request says where sequences end.
type StopKind uint8

const (
	StopDefault StopKind = iota // absent or null: the model's end of sequence
	StopText                    // one text
	StopTexts                   // a list of texts
	StopTokens                  // a list of token ids
	StopNever                   // an empty list: not even the end of sequence
)

// A Stop says where sequences end. Texts has one entry for StopText and one or
// more for StopTexts; Tokens one or more for StopTokens.
type Stop struct {
	Kind   StopKind
	Texts  []string
	Tokens []int32
}

// IsZero reports whether s is the default, which is left out of messages.
func (s Stop) IsZero() bool { return s.Kind == StopDefault }

// MarshalJSONTo writes s in the form of its kind.
func (s Stop) MarshalJSONTo(enc *jsontext.Encoder) error {
	switch s.Kind {
	case StopDefault:
		return enc.WriteToken(jsontext.Null)
	case StopText:
		if len(s.Texts) != 1 {
			return fmt.Errorf("a single stop text, but %d of them", len(s.Texts))
		}
		return enc.WriteToken(jsontext.String(s.Texts[0]))
	case StopTexts:
		return json.MarshalEncode(enc, s.Texts)
	case StopTokens:
		return json.MarshalEncode(enc, s.Tokens)
	case StopNever:
		return enc.WriteValue(jsontext.Value("[]"))
	}
	return fmt.Errorf("unknown kind of stop %d", s.Kind)
}

// UnmarshalJSONFrom reads any of the forms. A list of both texts and ids is
// refused.
func (s *Stop) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*s = Stop{}
	switch dec.PeekKind() {
	case 'n':
		return dec.SkipValue()
	case '"':
		s.Kind = StopText
		s.Texts = make([]string, 1)
		return json.UnmarshalDecode(dec, &s.Texts[0])
	case '[':
		return s.decodeList(dec)
	}
	return errors.New("want text, a list of texts or a list of token ids")
}

func (s *Stop) decodeList(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	first := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := first.ReadToken(); err != nil {
		return err
	}
	switch first.PeekKind() {
	case ']':
		s.Kind = StopNever
		return nil
	case '"':
		s.Kind = StopTexts
		s.Texts, err = readList[string](jsontext.NewDecoder(bytes.NewReader(raw)), maxStopTexts, "stop strings")
		return listError(err, "text")
	default:
		s.Kind = StopTokens
		s.Tokens, err = parseTokens(raw)
		return err
	}
}

// maxStopTexts bounds what is read. Engines take fewer.
const maxStopTexts = 1 << 10

func listError(err error, want string) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return err
	}
	return &FormatError{Path: dotted(e.JSONPointer), Err: fmt.Errorf("want %s like the entries before, got %s", want, kindName(e.JSONKind))}
}
