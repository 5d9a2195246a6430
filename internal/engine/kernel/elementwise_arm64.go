//go:build !purego

package kernel

import (
	"unsafe"
)

// The kernels of one pass over vectors: residual add, rotary embedding, and how
// attention ends. Each call takes at most maxCallVectors vectors.

//go:noescape
func addNEON(x, y *float32, n uintptr)

//go:noescape
func scaleNEON(x *float32, n uintptr, s float32)

//go:noescape
func rotateNEON(lo, hi, cos, sin *float32, n uintptr)

//go:noescape
func rescaleAddNEON(out, span *float32, n uintptr, a, b float32)

//go:noescape
func divideNEON(dst, x *float32, n uintptr, by float32)

// These run the kernels on the whole vectors of 16; the rest is done in Go.

func add(x, y []float32) {
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		addNEON(unsafe.SliceData(x), unsafe.SliceData(y), uintptr(n))
		x, y = x[n:], y[n:]
	}
	addGeneric(x, y)
}

func scale(x []float32, s float32) {
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		scaleNEON(unsafe.SliceData(x), uintptr(n), s)
		x = x[n:]
	}
	scaleGeneric(x, s)
}

func rotate(lo, hi, cos, sin []float32) {
	for vectors() && len(lo) >= 16 {
		n := whole(len(lo))
		rotateNEON(unsafe.SliceData(lo), unsafe.SliceData(hi), unsafe.SliceData(cos), unsafe.SliceData(sin), uintptr(n))
		lo, hi, cos, sin = lo[n:], hi[n:], cos[n:], sin[n:]
	}
	rotateGeneric(lo, hi, cos, sin)
}

func rescaleAdd(out, span []float32, a, b float32) {
	for vectors() && len(out) >= 16 {
		n := whole(len(out))
		rescaleAddNEON(unsafe.SliceData(out), unsafe.SliceData(span), uintptr(n), a, b)
		out, span = out[n:], span[n:]
	}
	rescaleAddGeneric(out, span, a, b)
}

func divide(dst, x []float32, by float32) {
	for vectors() && len(dst) >= 16 {
		n := whole(len(dst))
		divideNEON(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(n), by)
		dst, x = dst[n:], x[n:]
	}
	divideGeneric(dst, x, by)
}
