package gguf_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tinsmith.example/internal/weights/gguf"
)

// everyKind is metadata with each kind of value, and arrays of each.
func everyKind() []gguf.KV {
	return []gguf.KV{
		{"u8", uint8(200)}, {"i8", int8(-100)}, {"u16", uint16(60000)}, {"i16", int16(-30000)},
		{"u32", uint32(4e9)}, {"i32", int32(-2e9)}, {"u64", uint64(1 << 63)}, {"i64", int64(-1 << 63)},
		{"f32", float32(0.1)}, {"f64", 0.1}, {"yes", true}, {"no", false},
		{"text", " white space stays\t\n"}, {"nothing", ""}, {"bytes", "\xff\x00\xfe"},
		{"u8s", []uint8{1, 255}}, {"i8s", []int8{-1}}, {"u16s", []uint16{1}}, {"i16s", []int16{-1, 2}},
		{"u32s", []uint32{1, 1 << 31}}, {"i32s", []int32{-1, 7}}, {"u64s", []uint64{1 << 62}}, {"i64s", []int64{-5}},
		{"f32s", []float32{0.5, -2}}, {"f64s", []float64{1e300}}, {"bools", []bool{true, false, true}},
		{"words", []string{"", " a", "\xc4\x8a", "longer word"}}, {"no words", []string{}},
		{"nested", []any{[]int32{1, 2}, []string{"x"}, []any{[]bool{true}}}},
	}
}

// someTensors have sizes that leave gaps up to the alignment.
func someTensors() []gguf.Tensor {
	fill := func(n int, with byte) []byte { return bytes.Repeat([]byte{with}, n) }
	return []gguf.Tensor{
		{"norm", gguf.F32, []int64{3}, fill(12, 1)},
		{"q4_1", gguf.Q4_1, []int64{64, 3}, fill(2*20*3, 2)},
		{"q8_0", gguf.Q8_0, []int64{32, 2, 2}, fill(34*4, 3)},
		{"bf16", gguf.BF16, []int64{5, 1, 1, 2}, fill(20, 4)},
		{"scalar", gguf.F16, []int64{}, fill(2, 5)},
	}
}

func encode(t testing.TB, meta []gguf.KV, tensors []gguf.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gguf.Write(&b, meta, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, alignment := range []uint32{0, 8, 32, 4096} {
		meta, tensors := everyKind(), someTensors()
		if alignment != 0 {
			meta = append(meta, gguf.KV{"general.alignment", alignment})
		}
		data := encode(t, meta, tensors)
		f, err := gguf.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		got := []gguf.KV{}
		for _, key := range f.Keys() {
			v, _ := f.Value(key)
			got = append(got, gguf.KV{key, v})
		}
		if diff := cmp.Diff(meta, got); diff != "" {
			t.Errorf("metadata (-written +read):\n%s", diff)
		}
		if diff := cmp.Diff(tensors, f.Tensors()); diff != "" {
			t.Errorf("tensors (-written +read):\n%s", diff)
		}
		if !bytes.Equal(data, encode(t, got, f.Tensors())) {
			t.Errorf("alignment %d: writing what was read gives other bytes", alignment)
		}
	}
}

func TestVersion2IsRead(t *testing.T) {
	data := encode(t, everyKind(), someTensors())
	data[4] = 2
	f, err := gguf.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Version(); got != 2 {
		t.Errorf("Version() = %d, want 2", got)
	}
}

func TestOpenMapsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, encode(t, everyKind(), someTensors()), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	words, err := f.Strings("words")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is the same after what has been read was given back
		if tensor, ok := f.Tensor("q8_0"); !ok || len(tensor.Data) != 136 || tensor.Data[135] != 3 {
			t.Errorf("tensor q8_0 = %v, %v", tensor, ok)
		}
		if err := f.Release(); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if words[3] != "longer word" {
		t.Errorf("after Close the strings read before are %q", words)
	}
}

func TestOpenNamesThePath(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.gguf")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, dir, filepath.Join(dir, "missing.gguf")} {
		_, err := gguf.Open(path)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%s) = %v, want an error with the path", path, err)
		}
	}
	if _, err := gguf.Open(filepath.Join(dir, "missing.gguf")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open of a missing file = %v, want os.ErrNotExist", err)
	}
}

func TestTensorRows(t *testing.T) {
	f, err := gguf.Parse(encode(t, nil, someTensors()))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name                          string
		elements, rowLen, rows, bytes int64
	}{
		{"norm", 3, 3, 1, 12}, {"q4_1", 192, 64, 3, 40}, {"q8_0", 128, 32, 4, 34},
		{"bf16", 10, 5, 2, 10}, {"scalar", 1, 1, 1, 2},
	} {
		got, ok := f.Tensor(tt.name)
		if !ok {
			t.Fatalf("no tensor %q", tt.name)
		}
		if got.Elements() != tt.elements || got.RowLen() != tt.rowLen || got.Rows() != tt.rows || got.RowBytes() != tt.bytes {
			t.Errorf("%s: %d elements, row of %d in %d bytes, %d rows; want %+v", tt.name,
				got.Elements(), got.RowLen(), got.RowBytes(), got.Rows(), tt)
		}
		if last := got.Row(tt.rows - 1); int64(len(last)) != tt.bytes || &last[tt.bytes-1] != &got.Data[len(got.Data)-1] {
			t.Errorf("%s: the last row is not the end of the data", tt.name)
		}
	}
	if _, ok := f.Tensor("absent"); ok {
		t.Error("a tensor that is not there was found")
	}
}
