package kernel

// Add adds y to x, element by element. Both have the same length; others panic.
// y may be x.
func Add(x, y []float32) {
	if len(x) != len(y) {
		panic("kernel: Add: lengths do not match")
	}
	add(x, y)
}

// Scale multiplies x by s, each product rounded to float32.
func Scale(x []float32, s float32) { scale(x, s) }

func addGeneric(x, y []float32) {
	for i, v := range y {
		x[i] += v
	}
}

func scaleGeneric(x []float32, s float32) {
	for i, v := range x {
		x[i] = float32(v * s)
	}
}
