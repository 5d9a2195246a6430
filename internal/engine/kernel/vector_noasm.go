//go:build !(amd64 || arm64) || purego

package kernel

func maxOf(x []float32) float32              { return maxGeneric(x) }
func finite(x []float32) bool                { return finiteGeneric(x) }
func squareSum(x []float32) float32          { return squareSumGeneric(x) }
func siluMul(dst, gate, up []float32)        { siluMulGeneric(dst, gate, up) }
func scaleBy(dst, x, w []float32, s float32) { scaleByGeneric(dst, x, w, s) }

func expSum(weights, x []float32, max, invT float32) float32 {
	return expSumGeneric(weights, x, max, invT)
}

// expGroups does none: a group at a time is as fast.
func expGroups(_, _, _ []float32, _, _ float32) (groups int) { return 0 }
