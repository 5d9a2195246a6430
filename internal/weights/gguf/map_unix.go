//go:build unix

package gguf

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// A mapping is a whole file in memory, for reading.
type mapping struct {
	data []byte
	file *os.File    // which may have lost its name
	was  os.FileInfo // when it was opened
}

func mapFile(path string) (*mapping, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait
		return nil, &FormatError{0, "not a regular file", info.Mode().String()}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	m := &mapping{file: file}
	if err := m.read(path); err != nil {
		file.Close()
		return nil, err
	}
	return m, nil
}

func (m *mapping) read(path string) (err error) {
	m.was, err = m.file.Stat()
	switch {
	case err != nil:
		return err
	case m.was.Size() > math.MaxInt:
		return &FormatError{0, "too large for this machine's address space; bytes", m.was.Size()}
	case m.was.Size() == 0: // which mmap refuses
		return nil
	}
	m.data, err = unix.Mmap(int(m.file.Fd()), 0, int(m.was.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return &os.PathError{Op: "mmap", Path: path, Err: err}
	}
	return nil
}

// unchanged is nil as long as nobody has written to the file.
func (m *mapping) unchanged() error {
	info, err := m.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != m.was.Size() || !info.ModTime().Equal(m.was.ModTime()) {
		return ErrChanged
	}
	return nil
}

// drop takes the pages out of this process's memory. They are read from the file
// again when they are touched.
func (m *mapping) drop() error {
	if len(m.data) == 0 {
		return nil
	}
	return unix.Madvise(m.data, unix.MADV_DONTNEED)
}

func (m *mapping) close() error {
	var err error
	if len(m.data) > 0 {
		err = unix.Munmap(m.data)
	}
	return errors.Join(err, m.file.Close())
}
