package kernel

import (
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
