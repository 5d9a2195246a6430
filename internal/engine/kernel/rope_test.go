package kernel

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRotateIsARotation: Rotate turns each pair (x[i], x[i+half]), taken as a
// complex number, by position*invFreq[i], for heads of any even size.
func TestRotateIsARotation(t *testing.T) { atEveryLevel(t, rotateIsARotation) }

func rotateIsARotation(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 18))
	const base = 10000
	for _, dim := range []int{2, 16, 30, 32, 34, 64, 80, 96, 128, 256} {
		half := dim / 2
		rope := NewRoPE(dim, base)
		cos, sin := make([]float32, half), make([]float32, half)
		for _, pos := range []int{0, 1, 7, 500} {
			rope.Angles(cos, sin, pos)
			x := randomVectors(r, 1, dim, 1)[0]
			got := slices.Clone(x)
			Rotate(got, cos, sin)
			for i := range half {
				angle := float64(pos) * math.Pow(base, -2*float64(i)/float64(dim))
				want := complex(float64(x[i]), float64(x[half+i])) * cmplx.Rect(1, angle)
				if d := cmplx.Abs(complex(float64(got[i]), float64(got[half+i])) - want); d > 2e-4*(1+cmplx.Abs(want)) {
					t.Fatalf("dim %d, position %d, pair %d: off by %g", dim, pos, i, d)
				}
			}
		}
	}
}

// BenchmarkAngles is once a row, where Rotate is once a row, layer and head.
func BenchmarkAngles(b *testing.B) {
	rope := NewRoPE(64, 10000)
	cos, sin := make([]float32, rope.Half()), make([]float32, rope.Half())
	pos := 0
	for b.Loop() {
		rope.Angles(cos, sin, pos)
		pos = (pos + 1) % 512
	}
}
