package wire

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A FormatError says where a JSON message is not what it should be.
type FormatError struct {
	Path   string // the member, such as "sampling_params.top_p" or "prompt.chunks[2]"; "" is the whole body
	Offset int64  // bytes into the body, at or just before the fault
	Err    error  // what is wrong there
}

func (e *FormatError) Error() string {
	path := e.Path
	if path == "" {
		path = "body"
	}
	return fmt.Sprintf("%s: %v (at byte %d)", path, e.Err, e.Offset)
}

func (e *FormatError) Unwrap() error { return e.Err }

// Encode returns v as JSON. Map members are sorted, so equal values give equal
// bytes. It fails on NaN and infinities, which JSON does not have.
func Encode(v any) ([]byte, error) {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("wire: encode %T: %w", v, err)
	}
	return b, nil
}

// Decode reads the one JSON value that data holds into v, a pointer to one of
// this package's messages. Members that data lacks, or has as null, keep what v
// had before. Members that v does not know are skipped, unless the message
// keeps them (see [SampleRequest.UnknownSet]).
//
// Every error is a *FormatError: syntax, invalid UTF-8, a member named twice,
// nesting beyond 10,000 levels, data after the value, and values of the wrong
// type, where an integer may be written with a fraction of zeros (4.0) but not
// as text.
func Decode(data []byte, v any) error {
	if err := json.Unmarshal(data, v, json.WithUnmarshalers(lenient)); err != nil {
		return formatError(err)
	}
	return nil
}

// DecodeStrict is [Decode] for what has no other members than those that v
// knows: any other one is an error that names it.
func DecodeStrict(data []byte, v any) error {
	err := json.Unmarshal(data, v, json.WithUnmarshalers(lenient), json.RejectUnknownMembers(true))
	if err != nil {
		return formatError(err)
	}
	return nil
}

// lenient makes null mean "not set" for plain values, and lets integers be
// written as the floats that some clients write them as.
var lenient = json.JoinUnmarshalers(
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *int) error {
		return decodeInteger(dec, v, strconv.IntSize)
	}),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *int64) error { return decodeInteger(dec, v, 64) }),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ *bool) error { return skipNull(dec) }),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ *float64) error { return skipNull(dec) }),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ *string) error { return skipNull(dec) }),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ *[]string) error { return skipNull(dec) }),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, _ *map[string]string) error { return skipNull(dec) }),
)

// skipNull consumes a null and leaves anything else to the default decoding.
func skipNull(dec *jsontext.Decoder) error {
	if dec.PeekKind() == 'n' {
		return dec.SkipValue()
	}
	return errors.ErrUnsupported
}

func decodeInteger[T int | int64](dec *jsontext.Decoder, v *T, bits int) error {
	switch kind := dec.PeekKind(); kind {
	case 'n':
		return dec.SkipValue()
	case '0':
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		n, err := parseInteger(string(raw), bits)
		*v = T(n)
		return err
	default:
		return errors.ErrUnsupported
	}
}

// parseInteger reads a JSON number as an integer, without a detour through a
// float: identities have up to 60 bits.
func parseInteger(text string, bits int) (int64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if strings.Trim(fraction, "0") != "" {
		return 0, fmt.Errorf("%s is not an integer", clip(text))
	}
	n, err := strconv.ParseInt(whole, 10, bits)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s does not fit into a %d-bit integer", clip(text), bits)
	case err != nil:
		return 0, fmt.Errorf("%s is not an integer", clip(text))
	}
	return n, nil
}

// clip keeps a value that goes into a message short.
func clip(text string) string {
	const most = 40
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}

// formatError says in the API's words what the JSON library says in Go's.
func formatError(err error) error {
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		cause := e.Err
		if errors.Is(cause, json.ErrUnknownName) {
			cause = errors.New("is no member of it")
		}
		if want := kindWanted(e.GoType); want != "" && cause == nil {
			cause = fmt.Errorf("want %s, got %s", want, kindName(e.JSONKind))
		} else if cause == nil {
			cause = fmt.Errorf("%s does not belong here", kindName(e.JSONKind))
		}
		if inner, ok := errors.AsType[*FormatError](cause); ok {
			return &FormatError{Path: joinPath(dotted(e.JSONPointer), inner.Path), Offset: e.ByteOffset, Err: inner.Err}
		}
		return &FormatError{Path: dotted(e.JSONPointer), Offset: e.ByteOffset, Err: cause}
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		cause := e.Err
		if errors.Is(cause, io.ErrUnexpectedEOF) {
			cause = errors.New("the JSON ends too early")
		}
		return &FormatError{Path: dotted(e.JSONPointer), Offset: e.ByteOffset, Err: cause}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the JSON ends too early")
	}
	return &FormatError{Err: err}
}

func kindWanted(t reflect.Type) string {
	if t == nil {
		return ""
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "text"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "base64 text"
		}
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return kindWanted(t.Elem())
	}
	return ""
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '"':
		return "text"
	case '0':
		return "a number"
	case '[', ']':
		return "a list"
	case '{', '}':
		return "an object"
	}
	return "something else"
}

// dotted turns /prompt/chunks/2 into prompt.chunks[2].
func dotted(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			b.WriteString("[" + token + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(clip(token))
	}
	return b.String()
}

func joinPath(outer, inner string) string {
	if outer == "" || inner == "" || inner[0] == '[' {
		return outer + inner
	}
	return outer + "." + inner
}
