//go:build !purego

package kernel

import (
	"unsafe"

	"tinsmith.example/internal/cpu"
)

// The kernels of selection. Why assembly: a filter on a flat row reads every
// logit several times, and in plain Go each time costs as much as the whole row
// may (docs/sampling.md has the figures).

//go:noescape
func massFromAVX512(x, w *float32, n uintptr, floor, least float32) (upper, lower uint32)

//go:noescape
func massFromAVX2(x, w *float32, n uintptr, floor, least float32) (upper, lower uint32)

//go:noescape
func countFromAVX512(x *float32, n uintptr, floor float32) uint32

//go:noescape
func countFromAVX2(x *float32, n uintptr, floor float32) uint32

//go:noescape
func gatherAVX512(dstX *float32, dstY *uint32, x *float32, y *uint32, n uintptr, above, below float32) uintptr

//go:noescape
func gatherAVX2(dstX *float32, dstY *uint32, x *float32, y *uint32, n uintptr, above, below float32, front *[256]uint64) uintptr

//go:noescape
func partAVX512(dstX, dstW, x, w *float32, n uintptr, lower, upper float32) (count uintptr, high, low uint32)

// front[mask] has, a byte each, the numbers of mask's bits that are set, in
// rising order: where the lanes come from that move to the front.
var front = func() (t [256]uint64) {
	for mask := range t {
		n := 0
		for lane := range 8 {
			if mask>>lane&1 == 1 {
				t[mask] |= uint64(lane) << (8 * n)
				n++
			}
		}
	}
	return t
}()

// These run the kernels on the whole vectors; the rest is done in Go.

func massFrom(x, w []float32, floor, least float32) int64 {
	var sum int64
	for vectors() && len(x) >= 16 {
		n := min(len(x)/16, massCallVectors) * 16
		run := massFromAVX2
		if level >= cpu.AVX512 {
			run = massFromAVX512
		}
		sum += joinHalves(run(unsafe.SliceData(x), unsafe.SliceData(w), uintptr(n), floor, least))
		x, w = x[n:], w[n:]
	}
	return sum + massFromGeneric(x, w, floor, least)
}

func countFrom(x []float32, floor float32) int {
	count := 0
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		run := countFromAVX2
		if level >= cpu.AVX512 {
			run = countFromAVX512
		}
		count += int(run(unsafe.SliceData(x), uintptr(n), floor))
		x = x[n:]
	}
	return count + countFromGeneric(x, floor)
}

func gather(dstX []float32, dstY []uint32, x []float32, y []uint32, above, below float32) int {
	count := 0
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		var k uintptr
		if level >= cpu.AVX512 {
			k = gatherAVX512(unsafe.SliceData(dstX), unsafe.SliceData(dstY), unsafe.SliceData(x), unsafe.SliceData(y), uintptr(n), above, below)
		} else {
			k = gatherAVX2(unsafe.SliceData(dstX), unsafe.SliceData(dstY), unsafe.SliceData(x), unsafe.SliceData(y), uintptr(n), above, below, &front)
		}
		dstX, dstY, x, y = dstX[k:], dstY[k:], x[n:], y[n:]
		count += int(k)
	}
	return count + gatherGeneric(dstX, dstY, x, y, above, below)
}

// part goes over the row twice on AVX2, whose registers do not hold more.
func part(dstX, dstW, x, w []float32, lower, upper float32) (count int, over int64) {
	if level < cpu.AVX512 {
		return partByTwo(dstX, dstW, x, w, lower, upper)
	}
	for len(x) >= 16 {
		n := min(len(x)/16, massCallVectors) * 16
		k, high, low := partAVX512(unsafe.SliceData(dstX), unsafe.SliceData(dstW), unsafe.SliceData(x), unsafe.SliceData(w), uintptr(n), lower, upper)
		dstX, dstW, x, w = dstX[k:], dstW[k:], x[n:], w[n:]
		count += int(k)
		over += joinHalves(high, low)
	}
	return count + gatherGeneric(dstX, dstW, x, w, lower, upper), over + massFromGeneric(x, w, upper, 0)
}
