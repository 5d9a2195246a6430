package kernel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
)

// checkPasses compares the kernels of one pass with their twins.
func checkPasses(r *rand.Rand) error {
	const half = 2*16 + 3
	x, angles := checkInput(r, 2*half), checkInput(r, 2*half)
	for _, pass := range []struct {
		name      string
		run, twin func(x, y []float32)
	}{
		{"add", add, addGeneric},
		{"scale", func(x, _ []float32) { scale(x, 0.7) }, func(x, _ []float32) { scaleGeneric(x, 0.7) }},
		{"rotary embedding",
			func(x, y []float32) { rotate(x[:half], x[half:], y[:half], y[half:]) },
			func(x, y []float32) { rotateGeneric(x[:half], x[half:], y[:half], y[half:]) }},
		{"rescaling of attention",
			func(x, y []float32) { rescaleAdd(x, y, 0.7, 0.9) },
			func(x, y []float32) { rescaleAddGeneric(x, y, 0.7, 0.9) }},
		{"division of attention",
			func(x, y []float32) { divide(x, y, 0.7) },
			func(x, y []float32) { divideGeneric(x, y, 0.7) }},
	} {
		got, want := slices.Clone(x), slices.Clone(x)
		pass.run(got, angles)
		pass.twin(want, angles)
		if err := compare(pass.name, got, want); err != nil {
			return err
		}
	}
	return nil
}

// checkStore compares the kernels that store keys and values with their twins,
// at an even and an odd position of each half of a block.
func checkStore(r *rand.Rand) error {
	const dim = BlockK + TileN + 3
	l := NewKVLayout(dim)
	for _, pos := range []int{0, 5, 18, 31} {
		key, value := checkInput(r, dim), checkInput(r, dim)
		got, want := AlignedBytes(l.HeadBytes()), AlignedBytes(l.HeadBytes())
		l.Store(got, pos, key, value)
		storeKeyGeneric(l.half(want, pos/TileN), pos%TileN, key)
		storeValueGeneric(want[l.keyBytes():], pos, value)
		if !bytes.Equal(got, want) {
			return fmt.Errorf("the store of a key and a value differs from its twin at position %d", pos)
		}
	}
	return nil
}
