package amx

import (
	"encoding/binary"
	"math"
)

// multiply is TDPBF16PS: c += a*b, where a row of a and a column of b consist of
// pairs of bf16. In each output the first products of the pairs are added in
// rising order to one float32, the second ones to another, both from +0; then
// their sum is added to c. Each step is rounded once, to nearest, ties to even.
// Denormal operands count as zero, and results that would be denormal become
// zero. MXCSR has no say. Which NaN a NaN is, is not modelled.
func multiply(c, a, b *tile) {
	var bEven, bOdd [maxRows][maxColsb / 4]float32
	for k := range b.rows {
		for n := range b.colsb / 4 {
			bEven[k][n], bOdd[k][n] = pair(b.data[k][4*n:])
		}
	}
	for m := range c.rows {
		var even, odd [maxColsb / 4]float32
		for k := range a.colsb / 4 {
			aEven, aOdd := pair(a.data[m][4*k:])
			for n := range c.colsb / 4 {
				even[n] = multiplyAdd(aEven, bEven[k][n], even[n])
				odd[n] = multiplyAdd(aOdd, bOdd[k][n], odd[n])
			}
		}
		row := &c.data[m]
		for n := range c.colsb / 4 {
			old := nonDenormal(binary.LittleEndian.Uint32(row[4*n:]))
			sum := add(old, add(even[n], odd[n]))
			binary.LittleEndian.PutUint32(row[4*n:], math.Float32bits(sum))
		}
	}
}

// pair reads two bf16 values.
func pair(b []byte) (float32, float32) {
	u := binary.LittleEndian.Uint32(b)
	return nonDenormal(u << 16), nonDenormal(u & 0xffff0000)
}

// nonDenormal gives the float32 with these bits, and for a denormal one zero.
func nonDenormal(bits uint32) float32 {
	if bits&0x7f800000 == 0 {
		bits &= 0x80000000
	}
	return math.Float32frombits(bits)
}

// multiplyAdd is x*y + z, rounded once, for x and y that are bf16. In float64
// the product is exact. The sum may not be, but then one of its terms is so
// much smaller that it changes nothing after the float64 is rounded: where the
// sum has bits below 2^-52 of it, x*y is below 2^-35 of z, or z is below 2^-28
// of x*y, which has 16 bits; so the sum is never near the middle of two float32.
func multiplyAdd(x, y, z float32) float32 { return round(float64(x)*float64(y) + float64(z)) }

// add is x + y, rounded once: float64 has more than twice the bits of float32
// and two, with which rounding a sum twice is rounding it once (Figueroa, "When
// is double rounding innocuous?", 1995).
func add(x, y float32) float32 { return round(float64(x) + float64(y)) }

// round gives the nearest float32, ties to even, and zero with v's sign if that
// were denormal. As on all of x86, what counts is the value rounded as if
// exponents had no end: what rounds up to 2^-126 is not denormal.
func round(v float64) float32 {
	const smallest = 0x1p-126
	f := float32(v)
	if f > smallest || f < -smallest {
		return f
	}
	if scaled := float32(v * 0x1p64); scaled > -smallest*0x1p64 && scaled < smallest*0x1p64 {
		return float32(math.Copysign(0, v))
	}
	return f
}
