package kernel

import "math"

// Constants of Exp. ln 2 is split so that n*expLn2Hi is exact for |n| < 2^9;
// the polynomial is the one of Cephes' expf (Moshier), of exp(r)-1-r over r^2
// for |r| <= ln(2)/2.
const (
	expMin = -87 // exp of it is still a normal number
	expMax = 88  // exp of it is still finite

	expLog2E   = 1.44269504
	expLn2Hi   = 0.693359375
	expLn2Lo   = -2.12194440e-4
	expRounder = 12582912 // 1.5 * 2^23: adding and taking it away rounds to an integer

	expP0 = 1.9875691500e-4
	expP1 = 1.3981999507e-3
	expP2 = 8.3334519073e-3
	expP3 = 4.1665795894e-2
	expP4 = 1.6666665459e-1
	expP5 = 5.0000001201e-1
)

// Exp is e to the power x, to about 1 part in 10^7. x is first brought into
// [-87, 88], so that the result is positive, finite and normal. NaN gives NaN.
// Source of method and coefficients: Moshier, Cephes library, expf.
func Exp(x float32) float32 {
	if x < expMin {
		x = expMin
	}
	if x > expMax {
		x = expMax
	}
	n := float32(float32(float32(x*expLog2E)+expRounder) - expRounder)
	r := x - float32(n*expLn2Hi)
	r -= float32(n * expLn2Lo)
	p := float32(expP0)
	p = float32(p*r) + expP1
	p = float32(p*r) + expP2
	p = float32(p*r) + expP3
	p = float32(p*r) + expP4
	p = float32(p*r) + expP5
	y := float32(p*float32(r*r)) + r
	y += 1
	if x != x {
		return x
	}
	return float32(y * math.Float32frombits(uint32(int32(n)+127)<<23))
}
