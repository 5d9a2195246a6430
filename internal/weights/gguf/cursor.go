package gguf

import "encoding/binary"

// A cursor reads a file's bytes from front to back and never past their end.
type cursor struct {
	data []byte
	at   int64
}

// left is how many bytes follow.
func (c *cursor) left() int64 { return int64(len(c.data)) - c.at }

// take returns the next n bytes, which are the file's own. what names them in
// the error.
func (c *cursor) take(n uint64, what string) ([]byte, error) {
	if n > uint64(c.left()) {
		return nil, &FormatError{c.at, what + " goes beyond the end of the file; bytes it claims", n}
	}
	b := c.data[c.at : c.at+int64(n) : c.at+int64(n)]
	c.at += int64(n)
	return b, nil
}

func (c *cursor) uint32(what string) (uint32, error) {
	b, err := c.take(4, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (c *cursor) uint64(what string) (uint64, error) {
	b, err := c.take(8, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// string reads a length and that many bytes.
func (c *cursor) string(what string) ([]byte, error) {
	n, err := c.uint64(what + "'s length")
	if err != nil {
		return nil, err
	}
	return c.take(n, what)
}

// count reads a number of things that take at least size bytes each in what
// follows it.
func (c *cursor) count(size int64, what string) (int, error) {
	at := c.at
	n, err := c.uint64(what)
	if err != nil {
		return 0, err
	}
	if n > uint64(c.left()/size) {
		return 0, &FormatError{at, what + " is more than the file can hold", n}
	}
	return int(n), nil
}
