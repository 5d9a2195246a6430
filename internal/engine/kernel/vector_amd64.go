//go:build !purego

package kernel

import (
	"unsafe"

	"tinsmith.example/internal/cpu"
)

// The element-wise kernels and sums: what is not a linear layer. Why
// assembly: in plain Go they slow a whole prompt (docs/log.md has the figures).
// Each call takes at most maxCallVectors vectors.

//go:noescape
func maxAVX512(x *float32, n uintptr) float32

//go:noescape
func maxAVX2(x *float32, n uintptr) float32

//go:noescape
func finiteAVX512(x *float32, n uintptr) bool

//go:noescape
func finiteAVX2(x *float32, n uintptr) bool

//go:noescape
func expSumAVX512(lanes *[16]float32, weights, x *float32, n uintptr, max, invT float32)

//go:noescape
func expSumAVX2(lanes *[16]float32, weights, x *float32, n uintptr, max, invT float32)

//go:noescape
func expGroupsAVX512(sums, weights, x *float32, groups uintptr, max, invT float32)

//go:noescape
func siluMulAVX512(dst, gate, up *float32, n uintptr)

//go:noescape
func siluMulAVX2(dst, gate, up *float32, n uintptr)

//go:noescape
func squareSumAVX512(lanes *[16]float32, x *float32, n uintptr)

//go:noescape
func squareSumAVX2(lanes *[16]float32, x *float32, n uintptr)

//go:noescape
func scaleByAVX512(dst, x, w *float32, n uintptr, inv float32)

//go:noescape
func scaleByAVX2(dst, x, w *float32, n uintptr, inv float32)

// maxCallVectors bounds the vectors of 16 of one assembly call, which cannot be
// preempted: some 10 µs.
const maxCallVectors = 512

// whole is how many of n elements make whole vectors of 16, for one call.
func whole(n int) int { return min(n/16, maxCallVectors) * 16 }

// These choose the kernels of the whole vectors; the rest is done in Go.

func maxOf(x []float32) float32 {
	m := maxGeneric(x[len(x)/16*16:])
	for x = x[:len(x)/16*16]; len(x) > 0; {
		n := whole(len(x))
		switch {
		case level >= cpu.AVX512:
			m = max(m, maxAVX512(unsafe.SliceData(x), uintptr(n)))
		case level == cpu.AVX2:
			m = max(m, maxAVX2(unsafe.SliceData(x), uintptr(n)))
		default:
			return max(m, maxGeneric(x))
		}
		x = x[n:]
	}
	return m
}

func finite(x []float32) bool {
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		run := finiteAVX2
		if level >= cpu.AVX512 {
			run = finiteAVX512
		}
		if !run(unsafe.SliceData(x), uintptr(n)) {
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
		if level >= cpu.AVX512 {
			expSumAVX512(&lanes, unsafe.SliceData(weights), unsafe.SliceData(x), uintptr(n), max, invT)
		} else {
			expSumAVX2(&lanes, unsafe.SliceData(weights), unsafe.SliceData(x), uintptr(n), max, invT)
		}
		x = x[n:]
		if weights != nil {
			weights = weights[n:]
		}
	}
	expLanes(&lanes, weights, x, max, invT)
	return fold(&lanes)
}

// expGroups is ExpSums for the first whole groups: as many as it returns.
func expGroups(sums, weights, x []float32, max, invT float32) (groups int) {
	for level >= cpu.AVX512 && len(x) >= GroupSize {
		n := min(len(x), maxCallVectors*16) / GroupSize
		expGroupsAVX512(unsafe.SliceData(sums), unsafe.SliceData(weights), unsafe.SliceData(x), uintptr(n), max, invT)
		sums, x = sums[n:], x[n*GroupSize:]
		if weights != nil {
			weights = weights[n*GroupSize:]
		}
		groups += n
	}
	return groups
}

func siluMul(dst, gate, up []float32) {
	for vectors() && len(dst) >= 16 {
		n := whole(len(dst))
		if level >= cpu.AVX512 {
			siluMulAVX512(unsafe.SliceData(dst), unsafe.SliceData(gate), unsafe.SliceData(up), uintptr(n))
		} else {
			siluMulAVX2(unsafe.SliceData(dst), unsafe.SliceData(gate), unsafe.SliceData(up), uintptr(n))
		}
		dst, gate, up = dst[n:], gate[n:], up[n:]
	}
	siluMulGeneric(dst, gate, up)
}

func squareSum(x []float32) float32 {
	var lanes [16]float32
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		if level >= cpu.AVX512 {
			squareSumAVX512(&lanes, unsafe.SliceData(x), uintptr(n))
		} else {
			squareSumAVX2(&lanes, unsafe.SliceData(x), uintptr(n))
		}
		x = x[n:]
	}
	squareLanes(&lanes, x)
	return fold(&lanes)
}

func scaleBy(dst, x, w []float32, inv float32) {
	for vectors() && len(dst) >= 16 {
		n := whole(len(dst))
		if level >= cpu.AVX512 {
			scaleByAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(w), uintptr(n), inv)
		} else {
			scaleByAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(w), uintptr(n), inv)
		}
		dst, x, w = dst[n:], x[n:], w[n:]
	}
	scaleByGeneric(dst, x, w, inv)
}

// vectors says whether there are kernels for whole vectors of 16.
func vectors() bool { return level > cpu.Portable }
