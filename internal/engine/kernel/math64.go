package kernel

import "math"

// The functions here serve tables and once-a-row values. They are ours because
// package math's differ by architecture in the last bit; every product that
// feeds a sum is rounded first, so that no compiler fuses the two. None is
// exact to the last bit of float64, and none needs to be: results are rounded
// to float32, or compared with nothing but themselves.

const (
	ln2Hi = 0x1.62e42fefa38p-1   // the upper 42 bits of ln 2: n*ln2Hi is exact for |n| < 2^11
	ln2Lo = 0x1.ef35793c7673p-45 // ln 2 - ln2Hi
)

// Log is the natural logarithm of x: finite and > 0. Others give NaN.
// Method: x = 2^e*m with m in [sqrt(1/2), sqrt(2)), log m = 2*atanh((m-1)/(m+1))
// by its series up to s^23.
func Log(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.NaN()
	}
	m, e := math.Frexp(x) // m in [1/2, 1)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	sum := 0.0
	for k := 23; k >= 3; k -= 2 {
		sum = float64(z * (sum + 1/float64(k)))
	}
	logm := 2*s + float64(2*s*sum)
	n := float64(e)
	return float64(n*ln2Hi) + (logm + float64(n*ln2Lo))
}

// exp64 is e to the power x for |x| < 700, by Taylor's series up to r^14 on
// |r| <= ln(2)/2.
func exp64(x float64) float64 {
	n := math.RoundToEven(float64(x * math.Log2E))
	r := (x - float64(n*ln2Hi)) - float64(n*ln2Lo)
	sum := 1.0
	for k := 14; k >= 1; k-- {
		sum = 1 + float64(r/float64(k)*sum)
	}
	return math.Ldexp(sum, int(n))
}

const ( // pi/2 in parts of 33 bits: n times each of the first two is exact for n < 2^20
	piOver2A = 0x1.921fb544p+0
	piOver2B = 0x1.0b4611a6p-34
	piOver2C = 0x1.3198a2e037073p-69
)

// inverse[k] is 1/(k*(k-1)), and 0 where that has no meaning.
var inverse = func() (t [19]float64) {
	for k := 2; k < len(t); k++ {
		t[k] = 1 / float64(k*(k-1))
	}
	return t
}()

// sincos is the sine and cosine of x for 0 <= x < 2^20, by Taylor's series up
// to r^18 on |r| <= pi/4: each term is the one before times -r^2/(k*(k-1)).
func sincos(x float64) (sin, cos float64) {
	n := math.RoundToEven(float64(x * (2 / math.Pi)))
	r := ((x - float64(n*piOver2A)) - float64(n*piOver2B)) - float64(n*piOver2C)
	z := float64(r * r)
	c, s := 1.0, 1.0
	for k := 18; k >= 2; k -= 2 {
		c = 1 - float64(float64(z*inverse[k])*c)
	}
	for k := 17; k >= 3; k -= 2 {
		s = 1 - float64(float64(z*inverse[k])*s)
	}
	s = float64(s * r)
	switch int64(n) & 3 {
	case 0:
		return s, c
	case 1:
		return c, -s
	case 2:
		return -s, -c
	}
	return -c, s
}
