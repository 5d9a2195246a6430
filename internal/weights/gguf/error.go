package gguf

import (
	"errors"
	"fmt"
)

// A FormatError says where a file does not keep to the format.
type FormatError struct {
	Offset int64  // in bytes from the start of the file
	What   string // what is wrong, and the limit if there is one
	Value  any    // what was found; nil if that says nothing
}

func (e *FormatError) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("gguf: byte %d: %s", e.Offset, e.What)
	}
	if s, ok := e.Value.(string); ok {
		return fmt.Sprintf("gguf: byte %d: %s: %.80q", e.Offset, e.What, s)
	}
	return fmt.Sprintf("gguf: byte %d: %s: %v", e.Offset, e.What, e.Value)
}

// An UnknownTypeError says that a tensor has a type that this package does not
// know, so that not even its length can be told.
type UnknownTypeError struct {
	Offset int64 // of the type in the file
	Tensor string
	Type   Type
}

func (e *UnknownTypeError) Error() string {
	return fmt.Sprintf("gguf: byte %d: tensor %.80q has unknown type %d", e.Offset, e.Tensor, uint32(e.Type))
}

// ErrChanged says that a file was written to while it was mapped, so that what
// has been read of it and what is there now may not belong together.
var ErrChanged = errors.New("gguf: the file was changed after it had been opened")

// ErrNoKey is what a [KeyError] wraps when the key is not there at all.
var ErrNoKey = errors.New("no such key")

// A KeyError says that the metadata do not have a key as the kind asked for.
type KeyError struct {
	Key   string
	Want  string // such as "integer"
	Found string // such as "string", "array of float32"; empty: no such key
}

func (e *KeyError) Error() string {
	if e.Found == "" {
		return fmt.Sprintf("gguf: the file has no key %q (%s)", e.Key, e.Want)
	}
	return fmt.Sprintf("gguf: key %q is %s, not %s", e.Key, e.Found, e.Want)
}

// Unwrap returns ErrNoKey if the key is not there.
func (e *KeyError) Unwrap() error {
	if e.Found == "" {
		return ErrNoKey
	}
	return nil
}
