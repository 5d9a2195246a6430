package kernel

// Add adds y to x, element by element. Both have the same length; others panic.
func Add(x, y []float32) {
	_ = y[:len(x)]
	for i := range x {
		x[i] += y[i]
	}
}

// Scale multiplies x by s, each product rounded to float32.
func Scale(x []float32, s float32) {
	for i := range x {
		x[i] = float32(x[i] * s)
	}
}
