//go:build !purego

package kernel

import (
	"math"
	"unsafe"

	"tinsmith.example/internal/cpu"
)

// The element-wise kernels and sums: what is not a linear layer. Each call is
// bounded by its caller's row, a vocabulary at most in chunks of GroupSize.

//go:noescape
func maxNEON(x *float32, n uintptr) float32

//go:noescape
func finiteNEON(x *float32, n uintptr) bool

//go:noescape
func expSumNEON(lanes *[16]float32, weights, x *float32, n uintptr, max, invT float32)

//go:noescape
func siluMulNEON(dst, gate, up *float32, n uintptr)

//go:noescape
func squareSumNEON(lanes *[16]float32, x *float32, n uintptr)

//go:noescape
func scaleByNEON(dst, x, w *float32, n uintptr, inv float32)

// maxCallVectors bounds the vectors of 16 of one assembly call, which cannot be
// preempted: some tens of µs.
const maxCallVectors = 512

// whole is how many of n elements make whole vectors of 16, for one call.
func whole(n int) int { return min(n/16, maxCallVectors) * 16 }

// These run the kernels on the whole vectors; the rest is done in Go.

func maxOf(x []float32) float32 {
	m := float32(math.Inf(-1))
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		m = max(m, maxNEON(unsafe.SliceData(x), uintptr(n)))
		x = x[n:]
	}
	return max(m, maxGeneric(x))
}

func finite(x []float32) bool {
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		if !finiteNEON(unsafe.SliceData(x), uintptr(n)) {
			return false
		}
		x = x[n:]
	}
	return finiteGeneric(x)
}

func expSum(weights, x []float32, max, invT float32) float32 {
	var lanes [16]float32
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		expSumNEON(&lanes, unsafe.SliceData(weights), unsafe.SliceData(x), uintptr(n), max, invT)
		x = x[n:]
		if weights != nil {
			weights = weights[n:]
		}
	}
	expLanes(&lanes, weights, x, max, invT)
	return fold(&lanes)
}

func siluMul(dst, gate, up []float32) {
	for vectors() && len(dst) >= 16 {
		n := whole(len(dst))
		siluMulNEON(unsafe.SliceData(dst), unsafe.SliceData(gate), unsafe.SliceData(up), uintptr(n))
		dst, gate, up = dst[n:], gate[n:], up[n:]
	}
	siluMulGeneric(dst, gate, up)
}

func squareSum(x []float32) float32 {
	var lanes [16]float32
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		squareSumNEON(&lanes, unsafe.SliceData(x), uintptr(n))
		x = x[n:]
	}
	squareLanes(&lanes, x)
	return fold(&lanes)
}

func scaleBy(dst, x, w []float32, inv float32) {
	for vectors() && len(dst) >= 16 {
		n := whole(len(dst))
		scaleByNEON(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(w), uintptr(n), inv)
		dst, x, w = dst[n:], x[n:], w[n:]
	}
	scaleByGeneric(dst, x, w, inv)
}

// vectors says whether there are kernels for whole vectors of 16.
func vectors() bool { return level > cpu.Portable }

// expGroups does none: a group at a time is as fast.
func expGroups(_, _, _ []float32, _, _ float32) (groups int) { return 0 }
