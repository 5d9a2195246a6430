package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tinsmith.example/tinker"
)

// receiptFlags are how a command is asked for a receipt of its answer.
type receiptFlags struct {
	Receipt receiptPath `placeholder:"FILE" help:"Write the answer's receipt to this file: what it came from and its numbers to the bit, for tinsmith verify."`
}

// A receiptPath is where a receipt goes. That it is empty may be a variable that
// was not set, and must not mean that none is wanted.
type receiptPath string

func (p *receiptPath) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("the file's name is empty")
	}
	*p = receiptPath(text)
	return nil
}

// openReceipt makes sure that the receipt can be written, before anything is computed
// for it. nil: none was asked for. The caller discards what it gets.
func (f *receiptFlags) openReceipt() (*receiptFile, error) {
	if f.Receipt == "" {
		return nil, nil
	}
	path := string(f.Receipt)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link stays one
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, usagef("--receipt %s: not a regular file", f.Receipt)
	}
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8]+".part")
	// For its owner alone: prompt and answer are in it.
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			err = inner.Err // about a name that the user did not give
		}
		return nil, fmt.Errorf("--receipt %s cannot be written: %w", f.Receipt, err)
	}
	return &receiptFile{file: file, path: path}, nil
}

// A receiptFile is a file that gets its name when it is whole. nil is none.
type receiptFile struct {
	file *os.File // under another name, in the same folder
	path string
}

// write fetches the receipt of an answer and gives it its name.
func (f *receiptFile) write(ctx context.Context, s *session, response *tinker.SampleResponse) error {
	if f == nil {
		return nil
	}
	receipt, err := s.client.Receipt(ctx, response)
	if failed, ok := errors.AsType[*tinker.APIError](err); ok && errors.Is(err, tinker.ErrNoReceipts) {
		err = fmt.Errorf("%w (it answers: %s)", tinker.ErrNoReceipts, firstLine(failed.Message)) // which may be a page
	}
	if err == nil {
		_, err = f.file.Write(receipt.JSON())
	}
	if err == nil {
		err = errors.Join(f.file.Sync(), f.file.Close())
	}
	if err == nil {
		err = os.Rename(f.file.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("no receipt was written to %s: %w", f.path, err)
	}
	return nil
}

// discard removes what did not get its name.
func (f *receiptFile) discard() {
	if f != nil {
		f.file.Close()
		os.Remove(f.file.Name())
	}
}
