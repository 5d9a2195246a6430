//go:build !purego

package kernel

import (
	"unsafe"

	"tinsmith.example/internal/cpu"
)

// The kernels of one pass over vectors: residual add, rotary embedding, and how
// attention ends. Why assembly: Go's compiler emits scalar instructions, with
// which an Add of 576 takes 165 ns in place of 28. Each call takes at most
// maxCallVectors vectors.

//go:noescape
func addAVX512(x, y *float32, n uintptr)

//go:noescape
func addAVX2(x, y *float32, n uintptr)

//go:noescape
func scaleAVX512(x *float32, n uintptr, s float32)

//go:noescape
func scaleAVX2(x *float32, n uintptr, s float32)

//go:noescape
func rotateAVX512(lo, hi, cos, sin *float32, n uintptr)

//go:noescape
func rotateAVX2(lo, hi, cos, sin *float32, n uintptr)

//go:noescape
func rescaleAddAVX512(out, span *float32, n uintptr, a, b float32)

//go:noescape
func rescaleAddAVX2(out, span *float32, n uintptr, a, b float32)

//go:noescape
func divideAVX512(dst, x *float32, n uintptr, by float32)

//go:noescape
func divideAVX2(dst, x *float32, n uintptr, by float32)

// These run the kernels on the whole vectors of 16; the rest is done in Go.

func add(x, y []float32) {
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		if level >= cpu.AVX512 {
			addAVX512(unsafe.SliceData(x), unsafe.SliceData(y), uintptr(n))
		} else {
			addAVX2(unsafe.SliceData(x), unsafe.SliceData(y), uintptr(n))
		}
		x, y = x[n:], y[n:]
	}
	addGeneric(x, y)
}

func scale(x []float32, s float32) {
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		if level >= cpu.AVX512 {
			scaleAVX512(unsafe.SliceData(x), uintptr(n), s)
		} else {
			scaleAVX2(unsafe.SliceData(x), uintptr(n), s)
		}
		x = x[n:]
	}
	scaleGeneric(x, s)
}

func rotate(lo, hi, cos, sin []float32) {
	for vectors() && len(lo) >= 16 {
		n := whole(len(lo))
		if level >= cpu.AVX512 {
			rotateAVX512(unsafe.SliceData(lo), unsafe.SliceData(hi), unsafe.SliceData(cos), unsafe.SliceData(sin), uintptr(n))
		} else {
			rotateAVX2(unsafe.SliceData(lo), unsafe.SliceData(hi), unsafe.SliceData(cos), unsafe.SliceData(sin), uintptr(n))
		}
		lo, hi, cos, sin = lo[n:], hi[n:], cos[n:], sin[n:]
	}
	rotateGeneric(lo, hi, cos, sin)
}

func rescaleAdd(out, span []float32, a, b float32) {
	for vectors() && len(out) >= 16 {
		n := whole(len(out))
		if level >= cpu.AVX512 {
			rescaleAddAVX512(unsafe.SliceData(out), unsafe.SliceData(span), uintptr(n), a, b)
		} else {
			rescaleAddAVX2(unsafe.SliceData(out), unsafe.SliceData(span), uintptr(n), a, b)
		}
		out, span = out[n:], span[n:]
	}
	rescaleAddGeneric(out, span, a, b)
}

func divide(dst, x []float32, by float32) {
	for vectors() && len(dst) >= 16 {
		n := whole(len(dst))
		if level >= cpu.AVX512 {
			divideAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(n), by)
		} else {
			divideAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(n), by)
		}
		dst, x = dst[n:], x[n:]
	}
	divideGeneric(dst, x, by)
}
