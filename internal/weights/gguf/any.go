package gguf

import (
	"encoding/binary"
	"math"
)

// Value returns a metadata value as the Go type of its kind: uint8 to uint64,
// int8 to int64, float32, float64, bool, string, a slice of one of these, or
// []any for an array of arrays. [Write] accepts what Value returns.
func (f *File) Value(key string) (any, bool) {
	v, ok := f.values[key]
	if !ok {
		return nil, false
	}
	return v.decode(), true
}

func (v value) decode() any {
	if v.kind != kindArray {
		return scalar(v.kind, v.raw)
	}
	switch v.elem {
	case kindUint8:
		return decodeAll[uint8](v)
	case kindInt8:
		return decodeAll[int8](v)
	case kindUint16:
		return decodeAll[uint16](v)
	case kindInt16:
		return decodeAll[int16](v)
	case kindUint32:
		return decodeAll[uint32](v)
	case kindInt32:
		return decodeAll[int32](v)
	case kindUint64:
		return decodeAll[uint64](v)
	case kindInt64:
		return decodeAll[int64](v)
	case kindFloat32:
		return decodeAll[float32](v)
	case kindFloat64:
		return decodeAll[float64](v)
	case kindBool:
		return decodeAll[bool](v)
	case kindString:
		return v.strings()
	}
	return v.arrays()
}

// scalar decodes the value of kind k at the start of b; a string is all of b.
func scalar(k kind, b []byte) any {
	switch k {
	case kindUint8:
		return b[0]
	case kindInt8:
		return int8(b[0])
	case kindUint16:
		return binary.LittleEndian.Uint16(b)
	case kindInt16:
		return int16(binary.LittleEndian.Uint16(b))
	case kindUint32:
		return binary.LittleEndian.Uint32(b)
	case kindInt32:
		return int32(binary.LittleEndian.Uint32(b))
	case kindUint64:
		return binary.LittleEndian.Uint64(b)
	case kindInt64:
		return int64(binary.LittleEndian.Uint64(b))
	case kindFloat32:
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	case kindFloat64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case kindBool:
		return b[0] == 1
	}
	return string(b)
}

// decodeAll decodes an array whose elements are T.
func decodeAll[T any](v value) []T {
	out := make([]T, v.count)
	size := int(kindBytes[v.elem])
	for i := range out {
		out[i] = scalar(v.elem, v.raw[i*size:]).(T)
	}
	return out
}

// arrays decodes an array of arrays. Parse has checked it, so the cursor
// cannot fail.
func (v value) arrays() []any {
	out := make([]any, v.count)
	c := &cursor{data: v.raw}
	for i := range out {
		inner, err := c.array(0)
		if err != nil {
			panic("gguf: an array that was checked fails: " + err.Error())
		}
		out[i] = inner.decode()
	}
	return out
}
