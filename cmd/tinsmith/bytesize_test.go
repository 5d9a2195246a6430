package main

import (
	"strings"
	"testing"
)

func TestByteSizes(t *testing.T) {
	for text, want := range map[string]byteSize{
		"2GiB": 2 << 30, "500MB": 500e6, "1.5TiB": 3 << 39, "64 mib": 64 << 20, "7KB": 7000, "0.5kb": 500,
		"": 0, "2": 0, "2G": 0, "GiB": 0, "-1GiB": 0, "0GB": 0, "nanGB": 0, "1e30TB": 0, "0x": 0, "2GiBs": 0,
		"0.001kB": 1, "0.0009kB": 0, "0.0001kB": 0, "1e-9KiB": 0,
	} {
		var got byteSize
		err := got.UnmarshalText([]byte(text))
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "2GiB") {
			t.Errorf("%q: %v shows no example", text, err)
		}
	}
	for size, want := range map[byteSize]string{1: "1 B", 2 << 30: "2 GiB", 1536 << 20: "1.5 GiB", 11_000_000_000: "10.2 GiB", 5 << 20: "5 MiB", 1023 << 20: "1023 MiB", 1<<30 - 1: "1024 MiB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is %q, want %q", size, got, want)
		}
	}
}
