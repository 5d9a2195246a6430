package kernel

import (
	"math"
	"unsafe"
)

// Selection: what the sampler's filters count. A row of logits has up to a
// million ids, so that these are kernels, too. Zeros of either sign are equal
// here, as elsewhere; nothing may be NaN.

// massBits is the unit of masses, 2^-massBits: docs/sampling.md.
const massBits = 42

// Mass is w in units of 2^-42, cut off: floor(w * 2^42). 0 <= w < 2^20.
func Mass(w float32) int64 { return int64(w * (1 << massBits)) }

// MassFrom is the sum of Mass(w[i]) over the i with x[i] >= floor and
// w[i] >= least. Both slices have the same length, and 0 <= w[i] <= 1.
func MassFrom(x, w []float32, floor, least float32) int64 {
	if len(x) != len(w) {
		panic("kernel: MassFrom: lengths do not match")
	}
	return massFrom(x, w, floor, least)
}

func massFromGeneric(x, w []float32, floor, least float32) int64 {
	var sum int64
	x = x[:len(w)]
	for i, v := range w {
		m := Mass(v)
		if x[i] < floor { // a conditional move, as is the next: hard to predict
			m = 0
		}
		if v < least {
			m = 0
		}
		sum += m
	}
	return sum
}

// A mass of a weight has up to 43 bits. The kernels add its upper and lower
// halves in 32-bit lanes: w*2^21 cut off, and what that leaves, times 2^21, cut
// off; both steps are exact. A lane takes at most massCallVectors of up to 2^21
// each, and the sum of all 16 is below 2^32.
const (
	halfMassBits    = massBits / 2
	massCallVectors = GroupSize / 16
)

// joinHalves is the mass whose sums of halves these are.
func joinHalves(upper, lower uint32) int64 {
	return int64(upper)<<halfMassBits + int64(lower)
}

// CountFrom is how many elements of x are >= floor.
func CountFrom(x []float32, floor float32) int { return countFrom(x, floor) }

func countFromGeneric(x []float32, floor float32) int {
	n := 0
	for _, v := range x {
		if v >= floor {
			n++
		}
	}
	return n
}

// Gather copies those x[i] for which above < x[i] < below to dstX, with the y[i]
// beside them to dstY, in their order, and returns how many they are. x and y
// have the same length, and dstX and dstY at least that; what they hold after
// the copied elements is undefined. No destination overlaps a source.
func Gather[T float32 | int32](dstX []float32, dstY []T, x []float32, y []T, above, below float32) int {
	if len(x) != len(y) || len(dstX) < len(x) || len(dstY) < len(x) {
		panic("kernel: Gather: lengths do not match")
	}
	n := len(x)
	words := func(p *T) []uint32 { return unsafe.Slice((*uint32)(unsafe.Pointer(p)), n) }
	return gather(dstX[:n], words(unsafe.SliceData(dstY)), x, words(unsafe.SliceData(y)), above, below)
}

// gatherGeneric writes every element, without a branch that would be hard to
// predict, and then moves on or not.
func gatherGeneric[T any](dstX []float32, dstY []T, x []float32, y []T, above, below float32) int {
	n := 0
	for i, v := range x {
		dstX[n], dstY[n] = v, y[i]
		one := 1
		if v <= above {
			one = 0
		}
		if v >= below {
			one = 0
		}
		n += one
	}
	return n
}

// Part is what a search does to a row: over is MassFrom(x, w, upper, 0), and n is
// Gather(dstX, dstW, x, w, lower, upper), whose contract holds here.
func Part(dstX, dstW, x, w []float32, lower, upper float32) (n int, over int64) {
	if len(x) != len(w) || len(dstX) < len(x) || len(dstW) < len(x) {
		panic("kernel: Part: lengths do not match")
	}
	return part(dstX[:len(x)], dstW[:len(x)], x, w, lower, upper)
}

// partByTwo is part by two passes over the row.
func partByTwo(dstX, dstW, x, w []float32, lower, upper float32) (n int, over int64) {
	return Gather(dstX, dstW, x, w, lower, upper), massFrom(x, w, upper, 0)
}

// Above is the next float32 above x, and Below the one below it: what is > x is
// >= Above(x), and what is >= x is > Below(x). Beyond the finite values they are
// infinities.
func Above(x float32) float32 { return math.Nextafter32(x, float32(math.Inf(1))) }
func Below(x float32) float32 { return math.Nextafter32(x, float32(math.Inf(-1))) }
