package gguf

import "fmt"

// kind is the kind of a metadata value, by the format's numbers.
type kind uint32

const (
	kindUint8 kind = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
	kinds // how many there are
)

var kindNames = [kinds]string{"uint8", "int8", "uint16", "int16", "uint32", "int32",
	"float32", "bool", "string", "array", "uint64", "int64", "float64"}

// kindBytes is the length of a value; for a string and an array, of the least.
var kindBytes = [kinds]int64{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8}

func (k kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

// fixed says whether all values of the kind have the same length.
func (k kind) fixed() bool { return k != kindString && k != kindArray }

// maxDepth bounds how deep arrays of arrays may go. No known model has any.
const maxDepth = 4

// A value is one metadata value, checked when the file was parsed and decoded
// when it is asked for: a vocabulary is large, and not every command needs it.
type value struct {
	kind  kind
	elem  kind   // of the elements, for an array
	count int    // elements of an array
	raw   []byte // the bytes in the file; for an array, of its elements
}

// describe is the kind in words.
func (v value) describe() string {
	if v.kind == kindArray {
		return "array of " + v.elem.String()
	}
	return v.kind.String()
}

// value reads one value of kind k and checks all that is inside it.
func (c *cursor) value(k kind, depth int) (value, error) {
	start := c.at
	switch k {
	case kindString:
		raw, err := c.string("string")
		return value{kind: k, raw: raw}, err
	case kindArray:
		return c.array(depth)
	}
	raw, err := c.take(uint64(kindBytes[k]), k.String())
	if err != nil {
		return value{}, err
	}
	if k == kindBool && raw[0] > 1 {
		return value{}, &FormatError{start, "bool is neither 0 nor 1", raw[0]}
	}
	return value{kind: k, raw: raw}, nil
}

func (c *cursor) array(depth int) (value, error) {
	if depth >= maxDepth {
		return value{}, &FormatError{c.at, "arrays within arrays deeper than the limit", maxDepth}
	}
	elem, err := c.kind("array")
	if err != nil {
		return value{}, err
	}
	n, err := c.count(kindBytes[elem], "array count")
	if err != nil {
		return value{}, err
	}
	start := c.at
	if elem.fixed() && elem != kindBool {
		c.at += int64(n) * kindBytes[elem] // count has seen that they are there
	} else {
		for range n {
			if _, err := c.value(elem, depth+1); err != nil {
				return value{}, err
			}
		}
	}
	return value{kind: kindArray, elem: elem, count: n, raw: c.data[start:c.at:c.at]}, nil
}

func (c *cursor) kind(of string) (kind, error) {
	at := c.at
	k, err := c.uint32(of + "'s kind")
	if err != nil {
		return 0, err
	}
	if kind(k) >= kinds {
		return 0, &FormatError{at, of + " has an unknown kind", k}
	}
	return kind(k), nil
}
