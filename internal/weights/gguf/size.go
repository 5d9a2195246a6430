package gguf

import (
	"errors"
	"fmt"
	"math/bits"
)

// tensorBytes is the length of the data that a tensor's type and shape need.
// Rows are whole blocks. The type must be known.
func tensorBytes(t Tensor) (int64, error) {
	block := t.Type.BlockWeights()
	if t.RowLen()%block != 0 {
		return 0, fmt.Errorf("tensor %s: rows of %v must be a multiple of %d long; shape", shown(t.Name), t.Type, block)
	}
	blocks := t.RowLen() / block
	total := uint64(t.Type.BlockBytes())
	for i, size := range t.Shape {
		if i == 0 {
			size = blocks
		}
		hi, lo := bits.Mul64(total, uint64(size))
		if hi != 0 || lo > 1<<62 {
			return 0, errTooLarge(t.Name)
		}
		total = lo
	}
	if elements(t.Shape) < 0 {
		return 0, errTooLarge(t.Name)
	}
	return int64(total), nil
}

func errTooLarge(name string) error {
	return errors.New("the sizes of tensor " + shown(name) + " multiply to more than any file holds; shape")
}

// elements is the product of shape, or -1 if it does not fit 62 bits.
func elements(shape []int64) int64 {
	n := uint64(1)
	for _, size := range shape {
		hi, lo := bits.Mul64(n, uint64(size))
		if hi != 0 || lo > 1<<62 {
			return -1
		}
		n = lo
	}
	return int64(n)
}

// shown is a name from a file as messages show it: quoted, and not too long.
func shown(name string) string { return fmt.Sprintf("%.80q", name) }
