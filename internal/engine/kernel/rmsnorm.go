package kernel

import "math"

// RMSNorm writes x / rms(x) * w to dst. All are one row of the same length;
// others panic. dst may be x. eps is added to the mean square, under the root.
// Order: lane l of 16 adds the squares whose index is l modulo 16, rising, from
// +0; the lanes are folded in halves; then inv = 1/sqrt(sum/n + eps), and
// dst = (x*inv)*w, each step rounded to float32. Where the sum overflows, dst is
// NaN.
// Source: Zhang and Sennrich, "Root Mean Square Layer Normalization",
// arXiv:1910.07467.
func RMSNorm(dst, x, w []float32, eps float32) {
	if len(dst) != len(x) || len(w) != len(x) {
		panic("kernel: RMSNorm: lengths do not match")
	}
	sum := squareSum(x)
	mean := sum / float32(len(x))
	inv := 1 / float32(math.Sqrt(float64(mean+eps)))
	if inv == 0 { // the sum overflowed: say so, and do not return zeros
		inv = float32(math.NaN())
	}
	scaleBy(dst, x, w, inv)
}

func squareSumGeneric(x []float32) float32 {
	var lanes [16]float32
	squareLanes(&lanes, x)
	return fold(&lanes)
}

// squareLanes adds the squares of x to their lanes, from lane 0 on.
func squareLanes(lanes *[16]float32, x []float32) {
	for len(x) >= 16 {
		v := (*[16]float32)(x)
		for l := range lanes {
			lanes[l] += float32(v[l] * v[l])
		}
		x = x[16:]
	}
	for l, v := range x {
		lanes[l] += float32(v * v)
	}
}

func scaleByGeneric(dst, x, w []float32, inv float32) {
	for i, v := range x {
		dst[i] = float32(float32(v*inv) * w[i])
	}
}
