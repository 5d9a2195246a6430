package kernel

// SiLUMul writes gate*sigmoid(gate)*up to dst: e = Exp(-gate), then
// (gate/(1+e))*up, each step rounded to float32. All have the same length;
// others panic. dst may be gate or up.
// Source: Shazeer, "GLU Variants Improve Transformer", arXiv:2002.05202.
func SiLUMul(dst, gate, up []float32) {
	if len(dst) != len(gate) || len(up) != len(gate) {
		panic("kernel: SiLUMul: lengths do not match")
	}
	siluMul(dst, gate, up)
}

func siluMulGeneric(dst, gate, up []float32) {
	for i, g := range gate {
		dst[i] = float32(g/(1+Exp(-g))) * up[i]
	}
}
