package kernel

// RoPE has the frequencies of rotary position embedding.
// Source: Su et al., "RoFormer", arXiv:2104.09864, in the half-split form that
// Hugging Face's Llama uses.
type RoPE struct {
	invFreq []float32 // [headDim/2]
}

// NewRoPE computes the frequencies for heads of headDim (even). base is the
// model's theta.
//
// As the reference does it: e = float32(2i)/float32(headDim), p =
// float32(base^e), invFreq = 1/p.
func NewRoPE(headDim int, base float64) *RoPE {
	r := &RoPE{}
	logBase := Log(base)
	for i := range headDim / 2 {
		e := float32(2*i) / float32(headDim)
		r.invFreq = append(r.invFreq, 1/float32(exp64(float64(e)*logBase)))
	}
	return r
}

// Half is headDim/2, the number of angles of a position.
func (r *RoPE) Half() int { return len(r.invFreq) }

// Angles writes the cosines and sines of position pos, [headDim/2] each: of
// angle[i] = float32(pos*invFreq[i]), rounded to float32.
func (r *RoPE) Angles(cos, sin []float32, pos int) {
	for i, f := range r.invFreq {
		s, c := sincos(float64(float32(float32(pos) * f)))
		cos[i], sin[i] = float32(c), float32(s)
	}
}

// Rotate rotates one head's vector x, [2*len(cos)], by angles in place: with
// a = x[i] and b = x[i+len(cos)], x[i] = a*cos[i] - b*sin[i] and x[i+len(cos)] =
// b*cos[i] + a*sin[i]; products rounded, then the sum. sin is as long as cos;
// other lengths panic.
func Rotate(x, cos, sin []float32) {
	half := len(cos)
	if len(sin) != half || len(x) != 2*half {
		panic("kernel: Rotate: lengths do not match")
	}
	rotate(x[:half], x[half:], cos, sin)
}

// rotateGeneric rotates the pairs of lo and hi, which do not overlap.
func rotateGeneric(lo, hi, cos, sin []float32) {
	for i, a := range lo {
		b, c, s := hi[i], cos[i], sin[i]
		lo[i] = float32(a*c) - float32(b*s)
		hi[i] = float32(b*c) + float32(a*s)
	}
}
