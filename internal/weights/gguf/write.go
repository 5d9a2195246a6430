package gguf

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// A KV is one metadata pair. Value is a uint8 to uint64, int8 to int64,
// float32, float64, bool, string, a slice of one of these, or []any of slices.
type KV struct {
	Key   string
	Value any
}

// Write writes a version 3 file with the given pairs and tensors, in their
// order: the same arguments always give the same bytes. Tensors are aligned to
// general.alignment if that is among the pairs, and else to 32 bytes. What
// [Parse] would refuse is refused here, before anything is written.
func Write(w io.Writer, meta []KV, tensors []Tensor) error {
	alignment, err := checkPairs(meta)
	if err != nil {
		return err
	}
	if err := checkTensors(tensors); err != nil {
		return err
	}
	b := []byte(magic)
	b = binary.LittleEndian.AppendUint32(b, 3)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(tensors)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(meta)))
	for _, kv := range meta {
		b = appendString(b, kv.Key)
		k, elem, _ := kindOf(kv.Value)
		b = binary.LittleEndian.AppendUint32(b, uint32(k))
		b = appendValue(b, kv.Value, elem)
	}
	offset := int64(0)
	for _, t := range tensors {
		b = appendInfo(b, t, offset)
		offset = alignUp(offset+int64(len(t.Data)), alignment)
	}
	if len(tensors) > 0 {
		b = pad(b, int64(len(b)), alignment)
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	for _, t := range tensors {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
		if _, err := w.Write(pad(nil, int64(len(t.Data)), alignment)); err != nil {
			return err
		}
	}
	return nil
}

// pad appends the zeros that take length to a multiple of alignment.
func pad(b []byte, length, alignment int64) []byte {
	return append(b, make([]byte, alignUp(length, alignment)-length)...)
}

// checkPairs returns the alignment.
func checkPairs(meta []KV) (int64, error) {
	alignment := int64(defaultAlignment)
	seen := map[string]bool{}
	for _, kv := range meta {
		if err := checkName("key", kv.Key, seen); err != nil {
			return 0, err
		}
		if err := checkValue(kv.Value, 0); err != nil {
			return 0, fmt.Errorf("gguf: write: key %q: %w", kv.Key, err)
		}
		if kv.Key != alignmentKey {
			continue
		}
		n, ok := kv.Value.(uint32)
		if !ok || !validAlignment(uint64(n)) {
			return 0, fmt.Errorf("gguf: write: %s must be a uint32, a power of two from 8 to 65536: %v", alignmentKey, kv.Value)
		}
		alignment = int64(n)
	}
	return alignment, nil
}

func checkTensors(tensors []Tensor) error {
	seen := map[string]bool{}
	for _, t := range tensors {
		if err := checkName("tensor", t.Name, seen); err != nil {
			return err
		}
		if len(t.Shape) > maxDims || slices.ContainsFunc(t.Shape, func(n int64) bool { return n < 1 }) {
			return fmt.Errorf("gguf: write: tensor %q: shape must have at most 4 sizes, each positive: %v", t.Name, t.Shape)
		}
		if !t.Type.Known() {
			return fmt.Errorf("gguf: write: tensor %q: unknown type %d", t.Name, uint32(t.Type))
		}
		want, err := tensorBytes(t)
		if err != nil {
			return fmt.Errorf("gguf: write: %w: %v", err, t.Shape)
		}
		if int64(len(t.Data)) != want {
			return fmt.Errorf("gguf: write: tensor %q has %d bytes; %v %v takes %d", t.Name, len(t.Data), t.Type, t.Shape, want)
		}
	}
	return nil
}

func checkName(what, name string, seen map[string]bool) error {
	switch {
	case name == "" || len(name) > maxNameLen || !utf8.ValidString(name):
		return fmt.Errorf("gguf: write: the name of a %s must be UTF-8 of 1 to %d bytes: %s", what, maxNameLen, shown(name))
	case seen[name]:
		return fmt.Errorf("gguf: write: duplicate %s %s", what, shown(name))
	}
	seen[name] = true
	return nil
}

func checkValue(v any, depth int) error {
	k, elem, ok := kindOf(v)
	if !ok {
		return fmt.Errorf("a %T cannot be written", v)
	}
	if k != kindArray {
		return nil
	}
	if depth >= maxDepth {
		return fmt.Errorf("arrays within arrays are deeper than %d", maxDepth)
	}
	if elem != kindArray {
		return nil
	}
	for _, inner := range v.([]any) {
		if k, _, ok := kindOf(inner); !ok || k != kindArray {
			return fmt.Errorf("an array of arrays holds a %T", inner)
		}
		if err := checkValue(inner, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// kindOf is the kind of a Go value, and of its elements if it is a slice.
func kindOf(v any) (k, elem kind, ok bool) {
	switch v.(type) {
	case uint8:
		return kindUint8, 0, true
	case int8:
		return kindInt8, 0, true
	case uint16:
		return kindUint16, 0, true
	case int16:
		return kindInt16, 0, true
	case uint32:
		return kindUint32, 0, true
	case int32:
		return kindInt32, 0, true
	case uint64:
		return kindUint64, 0, true
	case int64:
		return kindInt64, 0, true
	case float32:
		return kindFloat32, 0, true
	case float64:
		return kindFloat64, 0, true
	case bool:
		return kindBool, 0, true
	case string:
		return kindString, 0, true
	case []uint8:
		return kindArray, kindUint8, true
	case []int8:
		return kindArray, kindInt8, true
	case []uint16:
		return kindArray, kindUint16, true
	case []int16:
		return kindArray, kindInt16, true
	case []uint32:
		return kindArray, kindUint32, true
	case []int32:
		return kindArray, kindInt32, true
	case []uint64:
		return kindArray, kindUint64, true
	case []int64:
		return kindArray, kindInt64, true
	case []float32:
		return kindArray, kindFloat32, true
	case []float64:
		return kindArray, kindFloat64, true
	case []bool:
		return kindArray, kindBool, true
	case []string:
		return kindArray, kindString, true
	case []any:
		return kindArray, kindArray, true
	}
	return 0, 0, false
}

// appendValue appends v, whose elements, if it is a slice, are of kind elem.
func appendValue(b []byte, v any, elem kind) []byte {
	switch v := v.(type) {
	case string:
		return appendString(b, v)
	case []string:
		b = appendArrayHead(b, elem, len(v))
		for _, s := range v {
			b = appendString(b, s)
		}
		return b
	case []any:
		b = appendArrayHead(b, elem, len(v))
		for _, inner := range v {
			_, elem, _ := kindOf(inner)
			b = appendValue(b, inner, elem)
		}
		return b
	}
	size := binary.Size(v)
	if k, _, _ := kindOf(v); k == kindArray {
		b = appendArrayHead(b, elem, size/int(kindBytes[elem]))
	}
	b, err := binary.Append(b, binary.LittleEndian, v)
	if err != nil {
		panic("gguf: kindOf lets through what encoding/binary does not know: " + err.Error())
	}
	return b
}

func appendArrayHead(b []byte, elem kind, n int) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(elem))
	return binary.LittleEndian.AppendUint64(b, uint64(n))
}

func appendString(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}

func appendInfo(b []byte, t Tensor, offset int64) []byte {
	b = appendString(b, t.Name)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Shape)))
	for _, size := range t.Shape {
		b = binary.LittleEndian.AppendUint64(b, uint64(size))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(t.Type))
	return binary.LittleEndian.AppendUint64(b, uint64(offset))
}
