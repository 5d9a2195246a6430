package gguf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"tinsmith.example/internal/weights/gguf"
)

// header builds files that Write would not: each method appends one field.
type header struct{ b []byte }

func begin(tensors, pairs uint64) *header {
	h := &header{b: []byte("GGUF")}
	return h.u32(3).u64(tensors).u64(pairs)
}

func (h *header) u32(v uint32) *header { h.b = binary.LittleEndian.AppendUint32(h.b, v); return h }
func (h *header) u64(v uint64) *header { h.b = binary.LittleEndian.AppendUint64(h.b, v); return h }
func (h *header) str(s string) *header { h.u64(uint64(len(s))); h.b = append(h.b, s...); return h }
func (h *header) zeros(n int) *header  { h.b = append(h.b, make([]byte, n)...); return h }

// info appends a tensor's description.
func (h *header) info(name string, t gguf.Type, offset uint64, shape ...uint64) *header {
	h.str(name).u32(uint32(len(shape)))
	for _, size := range shape {
		h.u64(size)
	}
	return h.u32(uint32(t)).u64(offset)
}

func TestBadFilesAreRefused(t *testing.T) {
	nested := begin(0, 1).str("k").u32(9)
	for range 100 {
		nested.u32(9).u64(1)
	}
	nested.zeros(64)
	for _, tt := range []struct {
		name   string
		data   []byte
		offset int64
		want   string // part of the message
	}{
		{"version 1", []byte("GGUF\x01\x00\x00\x00"), 4, "version 1"},
		{"version 4", []byte("GGUF\x04\x00\x00\x00"), 4, "unknown GGUF version"},
		{"big endian", []byte("GGUF\x00\x00\x00\x03"), 4, "big-endian"},
		{"no version", []byte("GGUF\x03"), 4, "beyond the end"},
		{"only a version", []byte("GGUF\x03\x00\x00\x00"), 8, "tensor count goes beyond the end"},
		{"tensor count", begin(math.MaxUint64, 0).zeros(64).b, 8, "more than the file can hold"},
		{"pair count", begin(0, 1<<40).zeros(64).b, 16, "more than the file can hold"},
		{"key length", begin(0, 1).u64(math.MaxUint64).zeros(64).b, 32, "beyond the end"},
		{"empty key", begin(0, 1).str("").zeros(64).b, 24, "empty"},
		{"long key", begin(0, 1).str(strings.Repeat("k", 65536)).zeros(64).b, 24, "longer than 65535"},
		{"key not UTF-8", begin(0, 1).str("\xff").zeros(64).b, 24, "UTF-8"},
		{"unknown kind", begin(0, 1).str("k").u32(13).zeros(64).b, 33, "unknown kind"},
		{"duplicate key", begin(0, 2).str("k").u32(4).u32(1).str("k").u32(4).u32(1).b, 41, "duplicate key"},
		{"bool of 2", begin(0, 1).str("k").u32(7).u32(2).zeros(64).b, 37, "neither 0 nor 1"},
		{"string length", begin(0, 1).str("k").u32(8).u64(1 << 62).zeros(64).b, 45, "beyond the end"},
		{"array count", begin(0, 1).str("k").u32(9).u32(10).u64(math.MaxUint64/8 + 2).zeros(64).b, 41, "more than the file can hold"},
		{"string in array", begin(0, 1).str("k").u32(9).u32(8).u64(2).str("a").u64(999).zeros(64).b, 66, "beyond the end"},
		{"kind of elements", begin(0, 1).str("k").u32(9).u32(77).u64(0).zeros(64).b, 37, "unknown kind"},
		{"deep arrays", nested.b, 85, "deeper than the limit"},
		{"alignment 0", begin(0, 1).str("general.alignment").u32(4).u32(0).b, 0, "power of two"},
		{"alignment 48", begin(0, 1).str("general.alignment").u32(4).u32(48).b, 0, "power of two"},
		{"alignment a string", begin(0, 1).str("general.alignment").u32(8).str("32").b, 0, "unsigned integer"},
		{"empty tensor name", begin(1, 0).info("", gguf.F32, 0, 1).zeros(64).b, 24, "empty"},
		{"5 dimensions", begin(1, 0).info("t", gguf.F32, 0, 1, 1, 1, 1, 1).zeros(64).b, 33, "more than 4 dimensions"},
		{"size 0", begin(1, 0).info("t", gguf.F32, 0, 4, 0).zeros(64).b, 45, "1 to 2^63-1"},
		{"size 2^63", begin(1, 0).info("t", gguf.F32, 0, 1<<63).zeros(64).b, 37, "1 to 2^63-1"},
		{"product beyond 64 bits", begin(1, 0).info("t", gguf.F32, 0, 1<<31, 1<<31, 1<<31).zeros(64).b, 61, "multiply to more"},
		{"product wraps to 0", begin(1, 0).info("t", gguf.Q4_0, 0, 1<<32, 1<<32).zeros(64).b, 53, "multiply to more"},
		{"half a block", begin(1, 0).info("t", gguf.Q4_1, 0, 48).zeros(64).b, 45, "multiple of 32"},
		{"misaligned", begin(1, 0).info("t", gguf.F32, 4, 1).zeros(64).b, 49, "multiple of the alignment"},
		{"offset beyond", begin(1, 0).info("t", gguf.F32, 1<<40, 1).zeros(64).b, 49, "truncated"},
		{"offset wraps", begin(1, 0).info("t", gguf.F32, math.MaxUint64-31, 1).zeros(64).b, 49, "truncated"},
		{"one byte short", begin(1, 0).info("t", gguf.F32, 0, 8).zeros(7 + 31).b, 49, "truncated"},
		{"duplicate tensor", begin(2, 0).info("t", gguf.F32, 0, 1).info("t", gguf.F32, 32, 1).zeros(128).b, 57, "duplicate tensor"},
		{"same place", begin(2, 0).info("a", gguf.F32, 0, 1).info("b", gguf.F32, 0, 1).zeros(128).b, 82, "overlaps"},
		{"overlap", begin(2, 0).info("a", gguf.F32, 32, 1).info("b", gguf.F32, 0, 9).zeros(128).b, 49, "overlaps"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := gguf.Parse(tt.data)
			var bad *gguf.FormatError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a FormatError", err)
			}
			if bad.Offset != tt.offset || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q at %d, want %q at %d", err, bad.Offset, tt.want, tt.offset)
			}
		})
	}
}

func TestUnknownTypeNamesNumberAndTensor(t *testing.T) {
	_, err := gguf.Parse(begin(1, 0).info("blk.0.weight", 99, 0, 32).zeros(64).b)
	var unknown *gguf.UnknownTypeError
	if !errors.As(err, &unknown) || unknown.Type != 99 || unknown.Tensor != "blk.0.weight" {
		t.Errorf("got %v, want an UnknownTypeError", err)
	}
}

func TestOtherFilesAreRecognised(t *testing.T) {
	safetensors := append(binary.LittleEndian.AppendUint64(nil, 30), `{"__metadata__":{"a":"b"}}    `...)
	for _, tt := range []struct{ data, want string }{
		{"", "empty"},
		{"PK\x03\x04rest of a wheel", "zip"},
		{"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"},
		{"\n<!DOCTYPE html><html>", "web page"},
		{"<HTML><body>", "web page"},
		{string(safetensors), "safetensors"},
		{"ggml" + strings.Repeat("\x00", 20), "before GGUF"},
		{strings.Repeat("\x00", 4096), "zeros"},
		{`{"error":"Repository not found"}`, "JSON"},
		{"something else", "does not begin"},
	} {
		if _, err := gguf.Parse([]byte(tt.data)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.12q: %v, want %q", tt.data, err, tt.want)
		}
	}
}

// Each beginning of a file either fails or, where only padding is missing,
// has all of its tensors.
func TestEveryTruncationIsRefused(t *testing.T) {
	data := encode(t, everyKind(), someTensors())
	const padding = 32 - 2 // after the last tensor, of 2 bytes
	for n := range len(data) {
		if _, err := gguf.Parse(data[:n:n]); (err == nil) != (n >= len(data)-padding) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(data), err)
		}
	}
}

func TestWriteRefusesWhatParseWould(t *testing.T) {
	one := gguf.Tensor{Name: "t", Type: gguf.F32, Shape: []int64{1}, Data: make([]byte, 4)}
	with := func(change func(*gguf.Tensor)) []gguf.Tensor { t := one; change(&t); return []gguf.Tensor{t} }
	for _, tt := range []struct {
		name    string
		meta    []gguf.KV
		tensors []gguf.Tensor
	}{
		{"duplicate key", []gguf.KV{{"k", true}, {"k", true}}, nil},
		{"empty key", []gguf.KV{{"", true}}, nil},
		{"int", []gguf.KV{{"k", 1}}, nil},
		{"bad alignment", []gguf.KV{{"general.alignment", uint32(33)}}, nil},
		{"scalar in an array of arrays", []gguf.KV{{"k", []any{int32(1)}}}, nil},
		{"duplicate tensor", nil, []gguf.Tensor{one, one}},
		{"short data", nil, with(func(t *gguf.Tensor) { t.Data = t.Data[1:] })},
		{"unknown type", nil, with(func(t *gguf.Tensor) { t.Type = 99 })},
		{"half a block", nil, with(func(t *gguf.Tensor) { t.Type = gguf.Q8_0 })},
		{"size 0", nil, with(func(t *gguf.Tensor) { t.Shape = []int64{0} })},
	} {
		if err := gguf.Write(io.Discard, tt.meta, tt.tensors); err == nil {
			t.Errorf("%s: written", tt.name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encode(f, everyKind(), someTensors()))
	f.Add(encode(f, []gguf.KV{{"general.alignment", uint32(8)}}, someTensors()[:1]))
	f.Add(encode(f, nil, nil))
	f.Add(begin(2, 0).info("a", gguf.F32, 32, 1).info("b", gguf.F32, 0, 8).zeros(128).b)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := gguf.Parse(data)
		if err != nil {
			return
		}
		var meta []gguf.KV
		for _, key := range file.Keys() {
			v, _ := file.Value(key)
			meta = append(meta, gguf.KV{Key: key, Value: v})
		}
		for _, tensor := range file.Tensors() {
			if got := tensor.Rows() * tensor.RowBytes(); got != int64(len(tensor.Data)) {
				t.Fatalf("tensor %q: rows take %d of %d bytes", tensor.Name, got, len(tensor.Data))
			}
		}
		var b bytes.Buffer
		if err := gguf.Write(&b, meta, file.Tensors()); err != nil {
			if v, ok := file.Value("general.alignment"); ok {
				if _, isUint32 := v.(uint32); !isUint32 {
					return // read leniently, written strictly
				}
			}
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := gguf.Parse(b.Bytes()); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
