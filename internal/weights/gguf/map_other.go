//go:build !unix

package gguf

import "os"

// A mapping is a whole file in memory: this system's own mappings are not used.
type mapping struct{ data []byte }

func mapFile(path string) (*mapping, error) {
	data, err := os.ReadFile(path)
	return &mapping{data}, err
}

// unchanged is nil: what has been read is held, whatever becomes of the file.
func (*mapping) unchanged() error { return nil }

// drop does nothing: what has been read is held.
func (*mapping) drop() error { return nil }

func (*mapping) close() error { return nil }
