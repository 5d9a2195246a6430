package gguf

import (
	"encoding/binary"
	"math"
)

// Has says whether the metadata have the key, of whatever kind.
func (f *File) Has(key string) bool {
	_, ok := f.values[key]
	return ok
}

// String returns a string. Like all methods that ask for one kind, its error
// is a *[KeyError], which wraps [ErrNoKey] if the key is not there.
func (f *File) String(key string) (string, error) {
	v, err := f.find(key, "string", func(v value) bool { return v.kind == kindString })
	return string(v.raw), err
}

// Bool returns a bool.
func (f *File) Bool(key string) (bool, error) {
	v, err := f.find(key, "bool", func(v value) bool { return v.kind == kindBool })
	return err == nil && v.raw[0] == 1, err
}

// Uint returns an integer of any kind that is not negative.
func (f *File) Uint(key string) (uint64, error) {
	n, err := f.Int(key)
	if err == nil {
		if n < 0 {
			return 0, &KeyError{key, "an integer that is not negative", "a negative integer"}
		}
		return uint64(n), nil
	}
	v, err := f.find(key, "integer", func(v value) bool { return v.kind == kindUint64 })
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(v.raw), nil
}

// Int returns an integer of any kind that fits an int64.
func (f *File) Int(key string) (int64, error) {
	v, err := f.find(key, "integer", func(v value) bool { return integer(v.kind) })
	if err != nil {
		return 0, err
	}
	n := integerAt(v.kind, v.raw)
	if v.kind == kindUint64 && n < 0 {
		return 0, &KeyError{key, "an integer below 2^63", "a larger uint64"}
	}
	return n, nil
}

// Float returns a float32 or a float64.
func (f *File) Float(key string) (float64, error) {
	v, err := f.find(key, "float", func(v value) bool { return float(v.kind) })
	if err != nil {
		return 0, err
	}
	return floatAt(v.kind, v.raw), nil
}

// Strings returns an array of strings, byte for byte as they stand in the file.
func (f *File) Strings(key string) ([]string, error) {
	v, err := f.find(key, "array of string", func(v value) bool { return v.kind == kindArray && v.elem == kindString })
	if err != nil {
		return nil, err
	}
	return v.strings(), nil
}

// Ints returns an array of integers of any kind that all fit an int64.
func (f *File) Ints(key string) ([]int64, error) {
	v, err := f.find(key, "array of integers", func(v value) bool { return v.kind == kindArray && integer(v.elem) })
	if err != nil {
		return nil, err
	}
	ints := make([]int64, v.count)
	size := kindBytes[v.elem]
	for i := range ints {
		ints[i] = integerAt(v.elem, v.raw[int64(i)*size:])
		if v.elem == kindUint64 && ints[i] < 0 {
			return nil, &KeyError{key, "an array of integers below 2^63", "an array with a larger uint64"}
		}
	}
	return ints, nil
}

// Floats returns an array of float32 or of float64.
func (f *File) Floats(key string) ([]float64, error) {
	v, err := f.find(key, "array of floats", func(v value) bool { return v.kind == kindArray && float(v.elem) })
	if err != nil {
		return nil, err
	}
	floats := make([]float64, v.count)
	size := kindBytes[v.elem]
	for i := range floats {
		floats[i] = floatAt(v.elem, v.raw[int64(i)*size:])
	}
	return floats, nil
}

func (f *File) find(key, want string, is func(value) bool) (value, error) {
	v, ok := f.values[key]
	if !ok {
		return value{}, &KeyError{Key: key, Want: want}
	}
	if !is(v) {
		return value{}, &KeyError{key, want, v.describe()}
	}
	return v, nil
}

func integer(k kind) bool {
	switch k {
	case kindUint8, kindInt8, kindUint16, kindInt16, kindUint32, kindInt32, kindUint64, kindInt64:
		return true
	}
	return false
}

func float(k kind) bool { return k == kindFloat32 || k == kindFloat64 }

// integerAt decodes an integer at the start of b. A uint64 beyond int64 comes
// out negative.
func integerAt(k kind, b []byte) int64 {
	switch k {
	case kindUint8:
		return int64(b[0])
	case kindInt8:
		return int64(int8(b[0]))
	case kindUint16:
		return int64(binary.LittleEndian.Uint16(b))
	case kindInt16:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case kindUint32:
		return int64(binary.LittleEndian.Uint32(b))
	case kindInt32:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

func floatAt(k kind, b []byte) float64 {
	if k == kindFloat32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// strings decodes an array of strings: one copy of all of its bytes, of which
// the strings are pieces.
func (v value) strings() []string {
	all := string(v.raw)
	out := make([]string, v.count)
	at := 0
	for i := range out {
		n := int(binary.LittleEndian.Uint64(v.raw[at:]))
		at += 8
		out[i] = all[at : at+n]
		at += n
	}
	return out
}
