package kernel

// The two steps that are left of attention's softmax once a span's outputs are
// there (docs/arithmetic.md, "Attention"): rescaleAdd brings the outputs so far
// and those of the span to a common maximum, divide ends with the sum of the
// weights. All slices of a call have the same length.

// rescaleAddGeneric sets out to out*a + span*b, products rounded, then the sum.
func rescaleAddGeneric(out, span []float32, a, b float32) {
	for d, o := range out {
		out[d] = float32(o*a) + float32(span[d]*b)
	}
}

// divideGeneric sets dst to x/by, correctly rounded. dst may be x.
func divideGeneric(dst, x []float32, by float32) {
	for d, o := range x {
		dst[d] = o / by
	}
}
