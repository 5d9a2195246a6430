package wire

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// readList reads a list of at most so many elements, which errors call what: an
// element may take a hundred times the memory of the shortest text of one. Null is
// a nil list.
func readList[T any](dec *jsontext.Decoder, most int, what string) ([]T, error) {
	switch kind := dec.PeekKind(); kind {
	case 'n':
		return nil, dec.SkipValue()
	case '[':
	case jsontext.KindInvalid:
		_, err := dec.ReadValue()
		return nil, err
	default:
		return nil, fmt.Errorf("want a list of %s, got %s", what, kindName(kind))
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	list := []T{}
	for dec.PeekKind() != ']' {
		if len(list) == most {
			return nil, fmt.Errorf("there are more than %d %s", most, what)
		}
		var element T
		if err := json.UnmarshalDecode(dec, &element); err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	_, err := dec.ReadToken()
	return list, err
}
