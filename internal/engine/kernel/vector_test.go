package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// lengths are around the vectors of 16, the calls of 512 vectors and the groups.
var lengths = []int{0, 1, 15, 16, 17, 31, 32, 33, 64, 576, 1023, 1024, 1025, 8191, 8192, 8209}

// edges are values at which a kernel could part from its twin.
var edges = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 88, 88.1, -87, -87.1, 1e30, -1e30,
	0x1p-56, 0x1.fep-57, 0x1.ffp-57, 0x1p-126, 0x1p-149, -0x1p-130, math.MaxFloat32, -math.MaxFloat32,
	0x1.01p0, 0x1.03p0, 0x1.010002p0, 0x1.fffffep127}

// floats are n random values with edges among them, starting at any alignment.
func floats(r *rand.Rand, n int) []float32 {
	offset := r.IntN(16)
	x := make([]float32, n+offset)[offset:]
	for i := range x {
		x[i] = activation(r)
		if r.IntN(8) == 0 {
			x[i] = edges[r.IntN(len(edges))]
		}
	}
	return x
}

// TestVectorKernelsMatchTwins compares what this machine runs with plain Go.
func TestVectorKernelsMatchTwins(t *testing.T) { atEveryLevel(t, vectorKernelsMatchTwins) }

func vectorKernelsMatchTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, n := range lengths {
		for range 8 {
			x, y, w := floats(r, n), floats(r, n), floats(r, n)
			what := fmt.Sprintf("n=%d", n)
			got, want := make([]float32, n), make([]float32, n)

			sameBits(t, "maxOf "+what, []float32{maxOf(x) + 0}, []float32{maxGeneric(x) + 0})

			m, invT := float32(r.NormFloat64()*10), float32(r.ExpFloat64())
			sum := expSum(got, x, m, invT)
			sameBits(t, "expSum "+what, []float32{sum, expSum(nil, x, m, invT)}, []float32{expSumGeneric(want, x, m, invT), sum})
			sameBits(t, "expSum weights "+what, got, want)

			siluMul(got, x, y)
			siluMulGeneric(want, x, y)
			sameBits(t, "siluMul "+what, got, want)

			sameBits(t, "squareSum "+what, []float32{squareSum(y)}, []float32{squareSumGeneric(y)})

			inv := float32(r.ExpFloat64())
			scaleBy(got, x, w, inv)
			scaleByGeneric(want, x, w, inv)
			sameBits(t, "scaleBy "+what, got, want)
		}
	}
}

// TestExpSumsGoByGroups: however many groups a kernel takes at once, each is
// summed as if it were alone.
func TestExpSumsGoByGroups(t *testing.T) { atEveryLevel(t, expSumsGoByGroups) }

func expSumsGoByGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 17))
	for _, n := range []int{1, 1023, 1024, 1025, 2048, 8191, 8192, 9000, 49152, 49157} {
		x := floats(r, n)
		m, invT := float32(r.NormFloat64()*10), float32(r.ExpFloat64())
		sums, again, want := make([]float32, Groups(n)), make([]float32, Groups(n)), make([]float32, Groups(n))
		weights, wantWeights := make([]float32, n), make([]float32, n)
		ExpSums(sums, weights, x, m, invT)
		ExpSums(again, nil, x, m, invT)
		for g := range want {
			lo, hi := g*GroupSize, min((g+1)*GroupSize, n)
			want[g] = expSumGeneric(wantWeights[lo:hi], x[lo:hi], m, invT)
		}
		what := fmt.Sprintf("n=%d", n)
		sameBits(t, what+": sums", sums, want)
		sameBits(t, what+": sums without weights", again, want)
		sameBits(t, what+": weights", weights, wantWeights)
	}
}

func TestSplitMatchesTwin(t *testing.T) { atEveryLevel(t, splitMatchesTwin) }

func splitMatchesTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, f := range []form{formFloats, formFor(1), formFor(minTileRows)} { // those of this level
		for _, blocks := range []int{1, 2, 18, 511, 512, 513} {
			x := floats(r, blocks*BlockK)
			got, want := AlignedBytes(blocks*f.bytes()), AlignedBytes(blocks*f.bytes())
			gotSums, wantSums := make([]float32, blocks), make([]float32, blocks)
			splitBlocks(f, got, gotSums, x)
			splitBlocksGeneric(f, want, wantSums, x)
			if !bytes.Equal(got, want) {
				t.Fatalf("form %d, %d blocks: planes differ", f, blocks)
			}
			sameBits(t, fmt.Sprintf("form %d, %d blocks: sums", f, blocks), gotSums, wantSums)
		}
	}
}

// TestNonFiniteStaysNonFinite: a NaN or an infinity that comes into any of
// these comes out as one, so that the end of the forward pass can tell.
func TestNonFiniteStaysNonFinite(t *testing.T) { atEveryLevel(t, nonFiniteStaysNonFinite) }

func nonFiniteStaysNonFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	// Rounding the last two as if they were numbers would carry into the sign.
	large, negative := math.Float32frombits(0x7fffffff), math.Float32frombits(0xffffffff)
	for _, bad := range []float32{nan, inf, -inf, large, negative} {
		for _, at := range []int{0, 15, 16, 24, 40, 64, 72, 79} {
			x := make([]float32, 80)
			x[at] = bad
			ones := make([]float32, 80)
			for i := range ones {
				ones[i] = 1
			}
			p := NewPlanes(1, 80)
			p.Split(0, x)
			if Finite(p.values()) {
				t.Errorf("Split loses %v at %d", bad, at)
			}
			dst := make([]float32, 80)
			RMSNorm(dst, x, ones, 1e-5)
			if Finite(dst) {
				t.Errorf("RMSNorm loses %v at %d", bad, at)
			}
			if bad == bad {
				continue // infinities may come out finite below, as they should
			}
			SiLUMul(dst, x, ones)
			if Finite(dst) {
				t.Errorf("SiLUMul loses %v at %d", bad, at)
			}
			sums := make([]float32, 1)
			if ExpSums(sums, dst, x, 0, 1); Finite(sums) || Finite(dst) {
				t.Errorf("ExpSums loses %v at %d", bad, at)
			}
		}
	}
}

func TestFiniteFindsWhatIsNot(t *testing.T) { atEveryLevel(t, finiteFindsWhatIsNot) }

func finiteFindsWhatIsNot(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	for _, n := range lengths {
		x := floats(r, n)
		if !Finite(x) {
			t.Fatalf("n=%d: finite values are not", n)
		}
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			for _, at := range []int{0, n / 2, n - 1} {
				if at < 0 || at >= n {
					continue
				}
				old := x[at]
				if x[at] = bad; Finite(x) {
					t.Errorf("n=%d: %v at %d is finite", n, bad, at)
				}
				x[at] = old
			}
		}
	}
}

// TestPlanesHoldTheValue: hi + lo is x to 16 bits, and nothing below 2^-56 is
// left in a plane.
func TestPlanesHoldTheValue(t *testing.T) { atEveryLevel(t, planesHoldTheValue) }

func planesHoldTheValue(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	p := NewPlanes(1, BlockK)
	for range 2000 {
		x := make([]float32, BlockK)
		for i := range x {
			x[i] = float32(math.Ldexp(r.NormFloat64(), r.IntN(100)-70))
		}
		p.Split(0, x)
		planes := p.values()
		for i, v := range x {
			hi, lo := planes[i], planes[BlockK+i]
			for _, plane := range []float32{hi, lo} {
				if math.Float32bits(plane)&0xffff != 0 || plane != 0 && math.Abs(float64(plane)) < flushBelow {
					t.Fatalf("%v has a plane %v", v, plane)
				}
			}
			if err := math.Abs(float64(v) - float64(hi) - float64(lo)); err > 0x1p-17*math.Abs(float64(v))+flushBelow {
				t.Fatalf("%v is split into %v and %v: off by %g", v, hi, lo, err)
			}
		}
	}
}

func BenchmarkVector(b *testing.B) {
	r := rand.New(rand.NewPCG(11, 11))
	const n = 49152
	x, y, dst := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = float32(r.NormFloat64()*5), 1
	}
	planes, sums := NewPlanes(1, n), make([]float32, Groups(n))
	for name, run := range map[string]func(){
		"Max":     func() { Max(x) },
		"ExpSums": func() { ExpSums(sums, nil, x, 20, 1) },
		"SiLUMul": func() { SiLUMul(dst, x, y) },
		"RMSNorm": func() { RMSNorm(dst, x, y, 1e-5) },
		"Split":   func() { planes.Split(0, x) },
		"Finite":  func() { Finite(x) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				run()
			}
		})
	}
}
