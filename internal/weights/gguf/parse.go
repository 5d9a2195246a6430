package gguf

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"
)

const (
	magic            = "GGUF"
	defaultAlignment = 32
	alignmentKey     = "general.alignment"

	maxDims    = 4     // of a tensor
	maxNameLen = 65535 // of a key or a tensor's name, in bytes

	minPairBytes = 8 + 1 + 4 + 1     // a one-letter key with a bool
	minInfoBytes = 8 + 1 + 4 + 4 + 8 // a one-letter tensor without sizes
)

// Parse reads a GGUF file that lies in data. The File keeps data; nobody may
// change it. Errors: *[FormatError], *[UnknownTypeError].
func Parse(data []byte) (*File, error) {
	c := &cursor{data: data}
	f := &File{data: data, values: map[string]value{}, byName: map[string]int{}}
	version, err := readVersion(c)
	if err != nil {
		return nil, err
	}
	f.version = version
	tensors, err := c.count(minInfoBytes, "tensor count")
	if err != nil {
		return nil, err
	}
	pairs, err := c.count(minPairBytes, "count of metadata pairs")
	if err != nil {
		return nil, err
	}
	for range pairs {
		if err := f.readPair(c); err != nil {
			return nil, err
		}
	}
	alignment, err := f.alignment()
	if err != nil {
		return nil, err
	}
	infos, err := f.readInfos(c, tensors)
	if err != nil {
		return nil, err
	}
	if err := f.place(data, infos, alignUp(c.at, alignment), alignment); err != nil {
		return nil, err
	}
	return f, nil
}

// readVersion reads the magic and the version.
func readVersion(c *cursor) (uint32, error) {
	if len(c.data) < len(magic) || string(c.data[:len(magic)]) != magic {
		return 0, &FormatError{0, "not a GGUF file: " + guess(c.data), string(c.data[:min(8, len(c.data))])}
	}
	c.at = int64(len(magic))
	at := c.at
	v, err := c.uint32("version")
	if err != nil {
		return 0, err
	}
	switch {
	case v == 2 || v == 3:
		return v, nil
	case bits.ReverseBytes32(v) <= 16:
		return 0, &FormatError{at, "big-endian GGUF files are not read; version", bits.ReverseBytes32(v)}
	case v == 1:
		return 0, &FormatError{at, "GGUF version 1 is not read, only 2 and 3; convert the model again", nil}
	}
	return 0, &FormatError{at, "unknown GGUF version; 2 and 3 are read", v}
}

func (f *File) readPair(c *cursor) error {
	at := c.at
	key, err := c.name("key")
	if err != nil {
		return err
	}
	if _, ok := f.values[key]; ok {
		return &FormatError{at, "duplicate key", key}
	}
	k, err := c.kind("value of " + shown(key))
	if err != nil {
		return err
	}
	v, err := c.value(k, 0)
	if err != nil {
		return err
	}
	f.keys = append(f.keys, key)
	f.values[key] = v
	return nil
}

// name reads a key or a tensor's name.
func (c *cursor) name(what string) (string, error) {
	at := c.at
	b, err := c.string(what)
	switch {
	case err != nil:
		return "", err
	case len(b) == 0:
		return "", &FormatError{at, what + " is empty", nil}
	case len(b) > maxNameLen:
		return "", &FormatError{at, what + " is longer than 65535 bytes", len(b)}
	case !utf8.Valid(b):
		return "", &FormatError{at, what + " is not UTF-8", string(b)}
	}
	return string(b), nil
}

// alignment is what general.alignment says.
func (f *File) alignment() (int64, error) {
	v, ok := f.values[alignmentKey]
	if !ok {
		return defaultAlignment, nil
	}
	n, err := f.Uint(alignmentKey)
	if err != nil {
		return 0, &FormatError{0, alignmentKey + " must be an unsigned integer", v.describe()}
	}
	if !validAlignment(n) {
		return 0, &FormatError{0, alignmentKey + " must be a power of two from 8 to 65536", n}
	}
	return int64(n), nil
}

func validAlignment(n uint64) bool { return n >= 8 && n <= 65536 && n&(n-1) == 0 }

// alignUp returns the least multiple of alignment that is not below n, which
// must be a file's size or less.
func alignUp(n, alignment int64) int64 { return (n + alignment - 1) &^ (alignment - 1) }

// An info is what the file says of a tensor; Data is not set yet.
type info struct {
	tensor Tensor
	bytes  int64  // that its type and shape need
	offset uint64 // from the start of the data
	at     int64  // where the offset stands in the file
}

func (f *File) readInfos(c *cursor, n int) ([]info, error) {
	infos := make([]info, 0, n)
	for i := range n {
		at := c.at
		in, err := readInfo(c)
		if err != nil {
			return nil, err
		}
		name := in.tensor.Name
		if _, ok := f.byName[name]; ok {
			return nil, &FormatError{at, "duplicate tensor", name}
		}
		f.byName[name] = i
		infos = append(infos, in)
	}
	return infos, nil
}

func readInfo(c *cursor) (info, error) {
	var in info
	name, err := c.name("tensor name")
	if err != nil {
		return in, err
	}
	in.tensor.Name = name
	if in.tensor.Shape, err = c.shape(name); err != nil {
		return in, err
	}
	at := c.at
	t, err := c.uint32("type of tensor " + shown(name))
	if err != nil {
		return in, err
	}
	in.tensor.Type = Type(t)
	if !in.tensor.Type.Known() {
		return in, &UnknownTypeError{at, name, Type(t)}
	}
	if in.bytes, err = tensorBytes(in.tensor); err != nil {
		return in, &FormatError{at, err.Error(), in.tensor.Shape}
	}
	in.at = c.at
	in.offset, err = c.uint64("offset of tensor " + shown(name))
	return in, err
}

func (c *cursor) shape(name string) ([]int64, error) {
	at := c.at
	dims, err := c.uint32("number of dimensions of tensor " + shown(name))
	if err != nil {
		return nil, err
	}
	if dims > maxDims {
		return nil, &FormatError{at, "tensor " + shown(name) + " has more than 4 dimensions", dims}
	}
	shape := make([]int64, dims)
	for i := range shape {
		at := c.at
		size, err := c.uint64("size of tensor " + shown(name))
		if err != nil {
			return nil, err
		}
		if size == 0 || size > math.MaxInt64 {
			return nil, &FormatError{at, "tensor " + shown(name) + " has a size that is not from 1 to 2^63-1", size}
		}
		shape[i] = int64(size)
	}
	return shape, nil
}

// place sets the Data of all tensors, which begin at start, and sees to it
// that no two overlap.
func (f *File) place(data []byte, infos []info, start, alignment int64) error {
	size := int64(len(data))
	f.tensors = make([]Tensor, len(infos))
	for i, in := range infos {
		t := in.tensor
		if in.offset%uint64(alignment) != 0 {
			return &FormatError{in.at, "offset of tensor " + shown(t.Name) + " is not a multiple of the alignment", in.offset}
		}
		if start > size || in.offset > uint64(size-start) || in.bytes > size-start-int64(in.offset) {
			return &FormatError{in.at, "the file is truncated, or its header lies: tensor " + shown(t.Name) +
				" ends beyond the end of the file; its offset and length", [2]uint64{in.offset, uint64(in.bytes)}}
		}
		from := start + int64(in.offset)
		t.Data = data[from : from+in.bytes : from+in.bytes]
		f.tensors[i] = t
	}
	return overlap(infos)
}

// overlap fails if two tensors share bytes.
func overlap(infos []info) error {
	sorted := slices.Clone(infos)
	slices.SortFunc(sorted, func(a, b info) int { return cmp.Compare(a.offset, b.offset) })
	for i := 1; i < len(sorted); i++ {
		before, in := sorted[i-1], sorted[i]
		if before.offset+uint64(before.bytes) > in.offset {
			return &FormatError{in.at, "tensor " + shown(in.tensor.Name) + " overlaps tensor " +
				shown(before.tensor.Name) + "; its offset", in.offset}
		}
	}
	return nil
}
