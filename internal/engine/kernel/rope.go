package kernel

// RoPE holds the angles of rotary position embedding: for every position and
// every i < headDim/2 the cosine and sine of position * invFreq[i].
// Source: Su et al., "RoFormer", arXiv:2104.09864, in the half-split form that
// Hugging Face's Llama uses.
type RoPE struct {
	half     int
	invFreq  []float32
	cos, sin []float32 // [positions, half]
}

// NewRoPE computes the angles of positions 0 to positions-1 for heads of
// headDim (even). base is the model's theta.
//
// As the reference does it: p = float32(base^(2i/headDim)), invFreq =
// float32(1/p), angle = float32(position*invFreq), then cosine and sine of that
// angle, rounded to float32.
func NewRoPE(positions, headDim int, base float64) *RoPE {
	r := &RoPE{half: headDim / 2}
	logBase := Log(base)
	for i := range r.half {
		p := float32(exp64(float64(2*i) / float64(headDim) * logBase))
		r.invFreq = append(r.invFreq, 1/p)
	}
	r.cos = make([]float32, positions*r.half)
	r.sin = make([]float32, positions*r.half)
	for pos := range positions {
		for i, f := range r.invFreq {
			s, c := sincos(float64(float32(float32(pos) * f)))
			r.cos[pos*r.half+i] = float32(c)
			r.sin[pos*r.half+i] = float32(s)
		}
	}
	return r
}

// Rotate rotates one head's vector x, [headDim], to position pos in place: for
// i < headDim/2, with a = x[i] and b = x[i+headDim/2], x[i] = a*cos - b*sin and
// x[i+headDim/2] = b*cos + a*sin; products rounded, then the sum.
func (r *RoPE) Rotate(x []float32, pos int) {
	lo, hi := x[:r.half], x[r.half:2*r.half]
	cos := r.cos[pos*r.half : (pos+1)*r.half]
	sin := r.sin[pos*r.half : (pos+1)*r.half]
	for i, a := range lo {
		b := hi[i]
		lo[i] = float32(a*cos[i]) - float32(b*sin[i])
		hi[i] = float32(b*cos[i]) + float32(a*sin[i])
	}
}
