//go:build unix

package gguf

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a whole file for reading. The mapping outlives the descriptor.
func mapFile(path string) (data []byte, unmap func() error, err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() { // opening a pipe would wait
		return nil, nil, &FormatError{0, "not a regular file", info.Mode().String()}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case info.Size() > math.MaxInt:
		return nil, nil, &FormatError{0, "too large for this machine's address space; bytes", info.Size()}
	case info.Size() == 0: // which mmap refuses
		return nil, func() error { return nil }, nil
	}
	data, err = unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, &os.PathError{Op: "mmap", Path: path, Err: err}
	}
	return data, func() error { return unix.Munmap(data) }, nil
}

// dropPages takes a mapping's pages out of this process's memory. They are read
// from the file again when they are touched.
func dropPages(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	return unix.Madvise(data, unix.MADV_DONTNEED)
}
