package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// maxPromptBytes is far more text than any context holds. It keeps a wrong
// --file from filling the memory.
const maxPromptBytes = 16 << 20

// textFlags are the three ways to give a command its text.
type textFlags struct {
	Text *string `arg:"" optional:"" help:"The text. Without it, and without --file, standard input is read."`
	File *string `short:"f" placeholder:"PATH" help:"Read the text from this file; - is standard input."`
}

// read returns the text. One newline at the end of a file or of standard input
// is not part of it, as editors and echo add one. Reading ends with ctx.
func (f *textFlags) read(ctx context.Context, std *stdio) (string, error) {
	var text []byte
	var err error
	switch {
	case f.Text != nil && f.File != nil:
		return "", usagef("a text and --file were given: give one of them")
	case f.Text != nil:
		text = []byte(*f.Text)
	case f.File != nil && *f.File == "":
		return "", usagef("--file is empty: want a path, or - for standard input")
	case f.File != nil && *f.File != "-":
		text, err = awaitText(ctx, *f.File, func() ([]byte, error) { return readFile(*f.File) })
	case f.File == nil && std.inIsTerminal():
		return "", usagef("no text: give it as an argument, with --file, or on standard input")
	default:
		text, err = awaitText(ctx, "standard input", func() ([]byte, error) { return readText(std.in, "standard input") })
		if err == nil && len(text) == 0 {
			err = usagef("no text: standard input was empty")
		}
	}
	if err != nil {
		return "", err
	}
	return checkText(text)
}

// awaitText returns what read does, or a waitError once ctx ends: the program at
// the other end of a pipe may never write. Nothing interrupts the reading itself,
// which goes on until the command has ended.
func awaitText(ctx context.Context, name string, read func() ([]byte, error)) ([]byte, error) {
	var text []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		text, err = read()
	}()
	select {
	case <-done:
		return text, err
	case <-ctx.Done():
		return nil, &waitError{"the text on " + name, context.Cause(ctx)}
	}
}

func checkText(text []byte) (string, error) {
	if len(text) == 0 {
		return "", usagef("the text is empty")
	}
	if !utf8.Valid(text) {
		at := 0
		for r, size := utf8.DecodeRune(text); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRune(text[at:]) {
			at += size
		}
		return "", fmt.Errorf("the text is not UTF-8: byte %d is %#02x", at, text[at])
	}
	return string(text), nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readText(file, path)
}

func readText(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPromptBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(text) > maxPromptBytes {
		return nil, fmt.Errorf("%s has more than %d bytes, which no context holds", name, maxPromptBytes)
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	return bytes.TrimSuffix(text, []byte("\r")), nil
}
