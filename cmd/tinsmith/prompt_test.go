package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTextComesFromOnePlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	argument := "an argument\n"
	for _, tt := range []struct {
		name  string
		flags textFlags
		want  string
	}{
		{"argument, as it is", textFlags{Text: &argument}, "an argument\n"},
		{"file, without its last newline", textFlags{File: &file}, "from a file"},
		{"standard input by name", textFlags{File: new("-")}, "from stdin\n"},
		{"standard input", textFlags{}, "from stdin\n"},
	} {
		got, err := tt.flags.read(t.Context(), &stdio{in: pipe(t, "from stdin\n\n")})
		if err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestTextIsRefused(t *testing.T) {
	argument, empty, broken := "argument", "", "fine\xff"
	for _, tt := range []struct {
		name  string
		flags textFlags
		usage bool
		want  string
	}{
		{"two places", textFlags{Text: &argument, File: new("x")}, true, "--file"},
		{"empty", textFlags{Text: &empty}, true, "empty"},
		{"not UTF-8", textFlags{Text: &broken}, false, "byte 4 is 0xff"},
		{"no such file", textFlags{File: new("no/such")}, false, "no/such"},
		{"a file without a name", textFlags{File: new("")}, true, "--file is empty"},
	} {
		_, err := tt.flags.read(t.Context(), &stdio{in: pipe(t, "")})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
		if _, usage := errors.AsType[*usageError](err); usage != tt.usage {
			t.Errorf("%s: usage error: %v", tt.name, usage)
		}
	}
}

// Who writes the text may be slow, or never write.
func TestReadingTextEndsWithTheContext(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close() // which ends the reading
	reason := errors.New("somebody pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(reason) })
	flags := textFlags{}
	_, err = flags.read(ctx, &stdio{in: r})
	if !errors.Is(err, reason) || awaited(err) != " while waiting for the text on standard input" {
		t.Errorf("got %v", err)
	}
}

// pipe is a standard input that holds text and ends.
func pipe(t *testing.T, text string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	go func() {
		defer w.Close()
		w.WriteString(text)
	}()
	return r
}
