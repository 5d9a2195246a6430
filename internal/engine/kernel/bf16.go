package kernel

import "math"

// flushBelow is the smallest magnitude that a bf16 plane may hold besides 0.
// With it every partial sum of products is a multiple of 2^-126, so that no
// step of a dot product is subnormal, and machines that flush subnormals agree
// with those that do not (docs/arithmetic.md, "Planes").
const flushBelow = 0x1p-56

// toBF16 rounds x to the nearest bf16, ties to even, and returns its value as
// a float32. Magnitudes below flushBelow become +0. NaN and infinity stay
// non-finite.
func toBF16(x float32) float32 {
	b := math.Float32bits(x)
	if b&0x7f800000 != 0x7f800000 { // finite: round; a carry may make infinity, as it should
		b += 0x7fff + b>>16&1
	}
	b &= 0xffff0000
	if b&0x7fffffff < flushBits {
		b = 0
	}
	return math.Float32frombits(b)
}

const flushBits = (127 - 56) << 23 // the bits of flushBelow

// BF16 is toBF16(x) as the 16 bits that it is stored in.
func BF16(x float32) uint16 { return uint16(math.Float32bits(toBF16(x)) >> 16) }

// FromBF16 widens b exactly.
func FromBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// FromF16 widens an IEEE half exactly.
func FromF16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h >> 10 & 31)
	frac := uint32(h & 0x3ff)
	switch exp {
	case 0: // zero and subnormal: frac * 2^-24, exact in float32
		f := float32(frac) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(f))
	case 31: // infinity, NaN
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
