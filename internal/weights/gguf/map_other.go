//go:build !unix

package gguf

import "os"

// mapFile reads a whole file: this system's mappings are not used.
func mapFile(path string) (data []byte, unmap func() error, err error) {
	data, err = os.ReadFile(path)
	return data, func() error { return nil }, err
}

// dropPages does nothing: what has been read is held.
func dropPages([]byte) error { return nil }
