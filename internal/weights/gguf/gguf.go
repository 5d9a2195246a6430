// Package gguf reads and writes GGUF files: one file with a model's settings
// (metadata, by key) and its weights (tensors, by name).
//
// Start at [Open]. Package model binds the tensors by name, package tokenizer
// reads the tokenizer.ggml keys; this package knows neither, and never changes
// a weight: [Tensor.Data] is the file's own bytes, mapped into memory.
//
// Versions 2 and 3 are read, little endian, as nearly all files are; version 3
// is written. Everything is little endian and unaligned up to the data:
//
//	file      magic "GGUF" | version u32 | tensors u64 | pairs u64
//	          pair × pairs | info × tensors | zeros up to alignment | data
//	pair      key string | kind u32 | value
//	info      name string | dims u32 | size u64 × dims | type u32 | offset u64
//	string    length u64 | bytes, not ended by NUL
//	value     the kind's 1, 2, 4 or 8 bytes | string | array
//	array     kind of elements u32 | count u64 | value × count
//	data      tensors, each at data + offset, each offset a multiple of
//	          alignment (the key general.alignment; 32 without it)
//
// The first size of a tensor is the innermost: rows lie one after the other,
// each of sizes[0] elements, packed into blocks as the tensor's [Type] says.
//
// Nothing in a file is believed: every length, count and offset is checked
// against the file's size before it is used or anything is allocated for it.
// A file that shrinks while it is mapped is not guarded against: the system
// then ends the program with SIGBUS, as for every mapped file; that it was
// written to can be asked for ([File.Unchanged]). Replace a model by renaming a
// new file over it, which leaves the mapped one whole.
package gguf

import (
	"fmt"
	"slices"
)

// A File is a parsed GGUF file. Its methods may be called by any number of
// goroutines at once, but none after Close.
type File struct {
	data    []byte   // the whole file
	mapping *mapping // where data lies; nil: it is the caller's
	version uint32
	keys    []string         // in the file's order
	values  map[string]value // by key
	tensors []Tensor         // in the file's order
	byName  map[string]int   // index in tensors
}

// Open maps the file at path and parses it. A file that is no GGUF file of a
// known version, or does not keep to the format, is a *[FormatError] or an
// *[UnknownTypeError], wrapped with the path.
func Open(path string) (*File, error) {
	m, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("gguf: open %s: %w", path, err)
	}
	f, err := Parse(m.data)
	if err != nil {
		_ = m.close() // why the file is refused matters more
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.mapping = m
	return f, nil
}

// Release gives back the memory of what has been read so far, for those who have
// made copies of it. Tensors stay as they are: what is read once more is fetched
// from the file again, or from what the system keeps of it.
func (f *File) Release() error {
	if f.mapping == nil {
		return nil
	}
	return f.mapping.drop()
}

// Unchanged is ErrChanged if the file that is mapped was written to since Open:
// its length or the time of its last change is another. A new file under its
// name, or none, is no change.
func (f *File) Unchanged() error {
	if f.mapping == nil {
		return nil
	}
	return f.mapping.unchanged()
}

// Close gives back the mapping. The Data of the tensors must not be touched
// afterwards; strings and slices from the metadata are copies and stay good.
// A second Close does nothing.
func (f *File) Close() error {
	m := f.mapping
	f.mapping, f.tensors, f.byName, f.values, f.keys = nil, nil, nil, nil, nil
	f.data = nil
	if m == nil {
		return nil
	}
	return m.close()
}

// Bytes are the file's own, all of them. Nobody may change them, or touch them
// after Close.
func (f *File) Bytes() []byte { return f.data }

// Version is the version of the format: 2 or 3.
func (f *File) Version() uint32 { return f.version }

// Keys are the metadata's keys in the file's order.
func (f *File) Keys() []string { return slices.Clone(f.keys) }

// Tensors are all tensors in the file's order.
func (f *File) Tensors() []Tensor { return slices.Clone(f.tensors) }

// Tensor returns the tensor of that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i, ok := f.byName[name]
	if !ok {
		return Tensor{}, false
	}
	return f.tensors[i], true
}
