package amx

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestMultiplyIsExact holds multiply against the definition, computed with
// numbers that have no limits of exponent or length, over ranges of exponents
// that reach every case: denormal operands, results that are flushed, results
// next to the smallest normal number, overflow, cancellation.
func TestMultiplyIsExact(t *testing.T) {
	for _, tt := range []struct {
		name               string
		loA, hiA, loB, hiB int // exponents, biased
	}{
		{"ordinary values", 110, 140, 110, 140},
		{"denormal operands", 0, 3, 120, 135},
		{"products near 2^-126", 50, 80, 50, 80},
		{"products at 2^-126", 62, 66, 60, 64},
		{"products near 2^-149", 30, 70, 30, 70},
		{"overflow", 180, 200, 180, 200},
		{"everything finite", 0, 254, 0, 254},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 100 {
				c, a, b := randomTile(r, 1+r.IntN(16), 4*(1+r.IntN(16))), tile{}, tile{}
				k := 1 + r.IntN(16)
				a.rows, a.colsb, b.rows, b.colsb = c.rows, 4*k, k, c.colsb
				for i := range a.rows {
					for j := range 2 * k {
						binary.LittleEndian.PutUint16(a.data[i][2*j:], bf16(r, tt.loA, tt.hiA))
					}
				}
				for i := range b.rows {
					for j := range b.colsb / 2 {
						binary.LittleEndian.PutUint16(b.data[i][2*j:], bf16(r, tt.loB, tt.hiB))
					}
				}
				for i := range c.rows {
					for j := range c.colsb / 4 {
						high := uint32(bf16(r, max(0, tt.loA+tt.loB-127), min(254, tt.hiA+tt.hiB-127)))
						binary.LittleEndian.PutUint32(c.data[i][4*j:], high<<16|r.Uint32()&0xffff)
					}
				}
				got := c
				multiply(&got, &a, &b)
				for i := range maxRows {
					for j := range maxColsb / 4 {
						var want uint32
						if i < c.rows && j < c.colsb/4 {
							want = math.Float32bits(defined(&c, &a, &b, i, j))
						}
						if bits := binary.LittleEndian.Uint32(got.data[i][4*j:]); bits != want {
							if f := math.Float32frombits(bits); f != f && want&0x7fffffff > 0x7f800000 {
								continue // which NaN is not defined
							}
							t.Fatalf("[%d][%d] is %#08x, want %#08x", i, j, bits, want)
						}
					}
				}
			}
		})
	}
}

// TestRoundAtTheEdges: what is not random enough to be met by chance.
func TestRoundAtTheEdges(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		want float32
	}{
		{0x1p-126, 0x1p-126},
		{-0x1p-126, -0x1p-126},
		{0x1.fffffep-127, 0},          // has 24 bits, and is below
		{0x1.ffffffp-127, 0x1p-126},   // the middle, rounds up to even
		{0x1.fffffefffffp-127, 0},     // below the middle
		{-0x1.ffffffp-127, -0x1p-126}, // likewise
		{-0x1.fffffep-127, float32(math.Copysign(0, -1))},
		{0x1p-252, 0},
		{-0x1p-252, float32(math.Copysign(0, -1))},
		{0, 0},
		{math.Copysign(0, -1), float32(math.Copysign(0, -1))},
		{math.MaxFloat32, math.MaxFloat32},
		{0x1.ffffffp127, float32(math.Inf(1))},
		{0x1.fffffefffffp127, math.MaxFloat32},
		{0x1.000001p0, 1},
		{0x1.000003p0, 0x1.000004p0},
	} {
		if got := round(tt.v); math.Float32bits(got) != math.Float32bits(tt.want) {
			t.Errorf("round(%x) = %x, want %x", tt.v, got, tt.want)
		}
	}
}

// TestMultiplyAddRoundsOnce: sums that float64 cannot hold.
func TestMultiplyAddRoundsOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300_000 {
		x, y := float(uint32(bf16(r, 90, 165))<<16), float(uint32(bf16(r, 90, 165))<<16)
		z := float(uint32(bf16(r, 60, 190))<<16 | r.Uint32()&0xffff)
		if r.IntN(2) == 0 { // few bits, so that the sum is near the middle of two numbers
			z = float(math.Float32bits(z) & 0xff800003)
		}
		z = nonzero(z)
		if got, want := multiplyAdd(x, y, z), exactMultiplyAdd(x, y, z); math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("%x*%x + %x = %x, want %x", x, y, z, got, want)
		}
	}
}

// defined is output (m, n) of c += a*b, by the definition.
func defined(c, a, b *tile, m, n int) float32 {
	var chain [2]float32
	for k := range b.rows {
		for i := range chain {
			x := float(uint32(binary.LittleEndian.Uint16(a.data[m][4*k+2*i:])) << 16)
			y := float(uint32(binary.LittleEndian.Uint16(b.data[k][4*n+2*i:])) << 16)
			chain[i] = exactMultiplyAdd(x, y, chain[i])
		}
	}
	sum := exactMultiplyAdd(chain[0], 1, chain[1])
	return exactMultiplyAdd(float(binary.LittleEndian.Uint32(c.data[m][4*n:])), 1, sum)
}

// exactMultiplyAdd is x*y + z with denormals as zero, rounded once to 24 bits
// with big numbers; then overflow and underflow are looked for.
func exactMultiplyAdd(x, y, z float32) float32 {
	x, y, z = nonzero(x), nonzero(y), nonzero(z)
	if infinite(x) || infinite(y) || infinite(z) || x != x || y != y || z != z {
		return float32(float64(x)*float64(y) + float64(z)) // infinite or NaN
	}
	exact := func(f float32) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(float64(f)) }
	sum := exact(x)
	sum.Mul(sum, exact(y)).Add(sum, exact(z))
	if sum.Sign() == 0 {
		return float32(float64(x)*float64(y) + float64(z)) // IEEE 754's sign of zero
	}
	sum.SetMode(big.ToNearestEven).SetPrec(24)
	f, _ := sum.Float64() // exact: 24 bits
	switch {
	case math.Abs(f) > math.MaxFloat32:
		return float32(math.Inf(sum.Sign()))
	case math.Abs(f) < 0x1p-126:
		return float32(math.Copysign(0, f))
	}
	return float32(f)
}

func nonzero(f float32) float32 {
	if math.Abs(float64(f)) < 0x1p-126 {
		return float32(math.Copysign(0, float64(f)))
	}
	return f
}

func infinite(f float32) bool { return math.IsInf(float64(f), 0) }

func float(bits uint32) float32 { return math.Float32frombits(bits) }

// bf16 is a random value with a biased exponent from lo to hi, or at times zero.
func bf16(r *rand.Rand, lo, hi int) uint16 {
	if r.IntN(16) == 0 {
		return uint16(r.IntN(2)) << 15
	}
	return uint16(r.Uint32()&0x807f) | uint16(lo+r.IntN(hi-lo+1))<<7
}

func randomTile(r *rand.Rand, rows, colsb int) tile {
	t := tile{rows: rows, colsb: colsb}
	for i := range rows {
		for j := range colsb {
			t.data[i][j] = byte(r.Uint32())
		}
	}
	return t
}
