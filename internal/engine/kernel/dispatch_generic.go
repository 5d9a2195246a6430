package kernel

func splitBlocks(data, sums, x []float32) { splitBlocksGeneric(data, sums, x) }
func maxOf(x []float32) float32           { return maxGeneric(x) }
func expSum(w, logits []float32, max, invT float32) float32 {
	return expSumGeneric(w, logits, max, invT)
}
func squareSum(x []float32) float32            { return squareSumGeneric(x) }
func scaleBy(dst, x, w []float32, inv float32) { scaleByGeneric(dst, x, w, inv) }
func siluMul(dst, gate, up []float32)          { siluMulGeneric(dst, gate, up) }
