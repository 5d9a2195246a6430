//go:build !purego

package kernel

import "unsafe"

// The kernels of selection. Why assembly: a filter on a flat row reads every
// logit several times, and in plain Go each time costs as much as the whole row
// may (docs/sampling.md has the figures).

//go:noescape
func massFromNEON(x, w *float32, n uintptr, floor, least float32) (upper, lower uint32)

//go:noescape
func countFromNEON(x *float32, n uintptr, floor float32) uint32

//go:noescape
func gatherNEON(dstX *float32, dstY *uint32, x *float32, y *uint32, n uintptr, above, below float32, front *[16]moves) uintptr

// moves says which bytes of a vector move to its front, and how many those are.
type moves struct {
	from  [16]byte
	bytes uint64
	_     uint64
}

// front[mask] moves the lanes whose bits are set in mask, in rising order.
var front = func() (t [16]moves) {
	for mask := range t {
		m := &t[mask]
		for b := range 16 {
			if mask>>(b/4)&1 == 1 {
				m.from[m.bytes] = byte(b)
				m.bytes++
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
		sum += joinHalves(massFromNEON(unsafe.SliceData(x), unsafe.SliceData(w), uintptr(n), floor, least))
		x, w = x[n:], w[n:]
	}
	return sum + massFromGeneric(x, w, floor, least)
}

func countFrom(x []float32, floor float32) int {
	count := 0
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		count += int(countFromNEON(unsafe.SliceData(x), uintptr(n), floor))
		x = x[n:]
	}
	return count + countFromGeneric(x, floor)
}

func gather(dstX []float32, dstY []uint32, x []float32, y []uint32, above, below float32) int {
	count := 0
	for vectors() && len(x) >= 16 {
		n := whole(len(x))
		k := gatherNEON(unsafe.SliceData(dstX), unsafe.SliceData(dstY), unsafe.SliceData(x), unsafe.SliceData(y), uintptr(n), above, below, &front)
		dstX, dstY, x, y = dstX[k:], dstY[k:], x[n:], y[n:]
		count += int(k)
	}
	return count + gatherGeneric(dstX, dstY, x, y, above, below)
}

func part(dstX, dstW, x, w []float32, lower, upper float32) (n int, over int64) {
	return partByTwo(dstX, dstW, x, w, lower, upper)
}
