//go:build !purego

package kernel

import "unsafe"

// The element-wise kernels and sums: what is not a linear layer. In plain Go
// they took as long as all linear layers together. Each call is bounded by its
// caller's row, a vocabulary at most in chunks of GroupSize.

//go:noescape
func maxAVX512(x *float32, n uintptr) float32

//go:noescape
func finiteAVX512(x *float32, n uintptr) bool

//go:noescape
func expSumAVX512(lanes *[16]float32, weights, x *float32, n uintptr, max, invT float32)

//go:noescape
func siluMulAVX512(dst, gate, up *float32, n uintptr)

//go:noescape
func squareSumAVX512(lanes *[16]float32, x *float32, n uintptr)

//go:noescape
func scaleByAVX512(dst, x, w *float32, n uintptr, inv float32)

//go:noescape
func splitAVX512(data, sums, x *float32, blocks uintptr)

// maxCallVectors bounds the vectors of 16 of one assembly call, which cannot be
// preempted: some 10 µs.
const maxCallVectors = 512

// whole is how many of n elements make whole vectors of 16, for one call.
func whole(n int) int { return min(n/16, maxCallVectors) * 16 }

func maxOf(x []float32) float32 {
	if !useAVX512 {
		return maxGeneric(x)
	}
	m := maxGeneric(x[len(x)/16*16:])
	for x = x[:len(x)/16*16]; len(x) > 0; {
		n := whole(len(x))
		m = max(m, maxAVX512(unsafe.SliceData(x), uintptr(n)))
		x = x[n:]
	}
	return m
}

func finite(x []float32) bool {
	for useAVX512 && len(x) >= 16 {
		n := whole(len(x))
		if !finiteAVX512(unsafe.SliceData(x), uintptr(n)) {
			return false
		}
		x = x[n:]
	}
	return finiteGeneric(x)
}

func expSum(weights, x []float32, max, invT float32) float32 {
	if !useAVX512 {
		return expSumGeneric(weights, x, max, invT)
	}
	var lanes [16]float32
	for len(x) >= 16 {
		n := whole(len(x))
		expSumAVX512(&lanes, unsafe.SliceData(weights), unsafe.SliceData(x), uintptr(n), max, invT)
		x = x[n:]
		if weights != nil {
			weights = weights[n:]
		}
	}
	expLanes(&lanes, weights, x, max, invT)
	return fold(&lanes)
}

func siluMul(dst, gate, up []float32) {
	for useAVX512 && len(dst) >= 16 {
		n := whole(len(dst))
		siluMulAVX512(unsafe.SliceData(dst), unsafe.SliceData(gate), unsafe.SliceData(up), uintptr(n))
		dst, gate, up = dst[n:], gate[n:], up[n:]
	}
	siluMulGeneric(dst, gate, up)
}

func squareSum(x []float32) float32 {
	var lanes [16]float32
	for useAVX512 && len(x) >= 16 {
		n := whole(len(x))
		squareSumAVX512(&lanes, unsafe.SliceData(x), uintptr(n))
		x = x[n:]
	}
	squareLanes(&lanes, x)
	return fold(&lanes)
}

func scaleBy(dst, x, w []float32, inv float32) {
	for useAVX512 && len(dst) >= 16 {
		n := whole(len(dst))
		scaleByAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(w), uintptr(n), inv)
		dst, x, w = dst[n:], x[n:], w[n:]
	}
	scaleByGeneric(dst, x, w, inv)
}

func splitBlocks(data, sums, x []float32) {
	if !useAVX512 {
		splitBlocksGeneric(data, sums, x)
		return
	}
	for len(sums) > 0 {
		n := min(len(sums), maxCallVectors)
		_, _ = data[n*planeFloats-1], x[n*BlockK-1]
		splitAVX512(unsafe.SliceData(data), unsafe.SliceData(sums), unsafe.SliceData(x), uintptr(n))
		data, sums, x = data[n*planeFloats:], sums[n:], x[n*BlockK:]
	}
}
