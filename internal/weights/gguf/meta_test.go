package gguf_test

import (
	"errors"
	"slices"
	"testing"

	"tinsmith.example/internal/weights/gguf"
)

func TestMetadataAsTheKindAskedFor(t *testing.T) {
	f, err := gguf.Parse(encode(t, everyKind(), nil))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int64{"u8": 200, "i8": -100, "u16": 60000, "i16": -30000, "u32": 4e9, "i32": -2e9, "i64": -1 << 63} {
		if got, err := f.Int(key); got != want || err != nil {
			t.Errorf("Int(%s) = %d, %v, want %d", key, got, err, want)
		}
	}
	for key, want := range map[string]uint64{"u8": 200, "u16": 60000, "u32": 4e9, "u64": 1 << 63} {
		if got, err := f.Uint(key); got != want || err != nil {
			t.Errorf("Uint(%s) = %d, %v, want %d", key, got, err, want)
		}
	}
	for key, want := range map[string]float64{"f32": float64(float32(0.1)), "f64": 0.1} {
		if got, err := f.Float(key); got != want || err != nil {
			t.Errorf("Float(%s) = %v, %v, want %v", key, got, err, want)
		}
	}
	for key, want := range map[string][]int64{"u8s": {1, 255}, "i16s": {-1, 2}, "u32s": {1, 1 << 31}, "u64s": {1 << 62}, "i64s": {-5}} {
		if got, err := f.Ints(key); !slices.Equal(got, want) || err != nil {
			t.Errorf("Ints(%s) = %v, %v, want %v", key, got, err, want)
		}
	}
	for key, want := range map[string][]float64{"f32s": {0.5, -2}, "f64s": {1e300}} {
		if got, err := f.Floats(key); !slices.Equal(got, want) || err != nil {
			t.Errorf("Floats(%s) = %v, %v, want %v", key, got, err, want)
		}
	}
	if got, err := f.String("text"); got != " white space stays\t\n" || err != nil {
		t.Errorf("String(text) = %q, %v", got, err)
	}
	if got, err := f.Bool("yes"); !got || err != nil {
		t.Errorf("Bool(yes) = %v, %v", got, err)
	}
	if got, err := f.Strings("words"); !slices.Equal(got, []string{"", " a", "\xc4\x8a", "longer word"}) || err != nil {
		t.Errorf("Strings(words) = %q, %v", got, err)
	}
}

func TestMetadataOfAnotherKindIsAnError(t *testing.T) {
	f, err := gguf.Parse(encode(t, everyKind(), nil))
	if err != nil {
		t.Fatal(err)
	}
	ask := map[string]func(string) error{
		"string":  func(k string) error { _, err := f.String(k); return err },
		"bool":    func(k string) error { _, err := f.Bool(k); return err },
		"int":     func(k string) error { _, err := f.Int(k); return err },
		"uint":    func(k string) error { _, err := f.Uint(k); return err },
		"float":   func(k string) error { _, err := f.Float(k); return err },
		"strings": func(k string) error { _, err := f.Strings(k); return err },
		"ints":    func(k string) error { _, err := f.Ints(k); return err },
		"floats":  func(k string) error { _, err := f.Floats(k); return err },
	}
	for _, tt := range []struct{ as, key, found string }{
		{"string", "u32", "uint32"}, {"bool", "u8", "uint8"}, {"int", "f32", "float32"}, {"int", "text", "string"},
		{"int", "u64", "a larger uint64"}, {"uint", "i8", "a negative integer"}, {"uint", "words", "array of string"},
		{"float", "u32", "uint32"}, {"strings", "text", "string"}, {"strings", "u32s", "array of uint32"},
		{"ints", "f32s", "array of float32"}, {"ints", "nested", "array of array"}, {"floats", "i32s", "array of int32"},
		{"floats", "no words", "array of string"},
	} {
		var wrong *gguf.KeyError
		if err := ask[tt.as](tt.key); !errors.As(err, &wrong) || wrong.Key != tt.key || wrong.Found != tt.found || errors.Is(err, gguf.ErrNoKey) {
			t.Errorf("%s as %s: %v, want a KeyError that found %q", tt.key, tt.as, err, tt.found)
		}
	}
	for as, asked := range ask {
		if err := asked("absent"); !errors.Is(err, gguf.ErrNoKey) {
			t.Errorf("absent as %s: %v, want ErrNoKey", as, err)
		}
	}
}
