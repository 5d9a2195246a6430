package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// selectLengths are around the vectors, the groups and the calls, and a
// vocabulary.
var selectLengths = []int{0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 100, 1023, 1024, 1025, 1040, 2048, 8191, 8192, 8209, 49152, 49157}

// logitShapes are rows on which selections could go wrong.
var logitShapes = map[string]func(r *rand.Rand) float32{
	"bell":    func(r *rand.Rand) float32 { return float32(r.NormFloat64()) },
	"equal":   func(*rand.Rand) float32 { return 3 },
	"zeros":   func(r *rand.Rand) float32 { return []float32{0, float32(math.Copysign(0, -1))}[r.IntN(2)] },
	"ties":    func(r *rand.Rand) float32 { return float32(r.IntN(5) - 2) },
	"edges":   func(r *rand.Rand) float32 { return edges[r.IntN(len(edges))] },
	"all":     func(r *rand.Rand) float32 { return finiteBits(r) },
	"minimal": func(r *rand.Rand) float32 { return float32(r.IntN(3)-1) * math.SmallestNonzeroFloat32 },
}

func finiteBits(r *rand.Rand) float32 {
	for {
		if x := math.Float32frombits(r.Uint32()); x-x == 0 {
			return x
		}
	}
}

// someWeights are n weights as ExpSums gives them, and others: 0 and 1, those
// around the unit of mass, and such with all bits set.
func someWeights(r *rand.Rand, n int) []float32 {
	offset := r.IntN(16)
	w := make([]float32, n+offset)[offset:]
	for i := range w {
		switch r.IntN(6) {
		case 0:
			w[i] = []float32{0, 1, 0x1p-42, 0x1.fffffep-43, 0x1.fffffep-1, 0x1p-21, 0x1.fffffep-22, 0x1p-149}[r.IntN(8)]
		case 1:
			w[i] = math.Float32frombits(r.Uint32N(math.Float32bits(1) + 1))
		default:
			w[i] = Exp(-float32(r.ExpFloat64() * 10))
		}
	}
	return w
}

func TestSelectionMatchesTwins(t *testing.T) { atEveryLevel(t, selectionMatchesTwins) }

func selectionMatchesTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 14))
	inf := float32(math.Inf(1))
	for name, shape := range logitShapes {
		for _, n := range selectLengths {
			offset := r.IntN(16)
			x := make([]float32, n+offset)[offset:]
			for i := range x {
				x[i] = shape(r)
			}
			w := someWeights(r, n)
			a, b := shape(r), shape(r)
			all := [][2]float32{{a, b}, {b, a}, {a, a}, {-inf, b}, {a, inf}, {-inf, inf}, {Below(a), Above(a)}}
			if n > 2048 { // one of them is enough, for there are many shapes
				i := r.IntN(len(all))
				all = all[i : i+1]
			}
			for _, bounds := range all {
				what := fmt.Sprintf("%s, n=%d, bounds %v", name, n, bounds)
				least := []float32{0, 0x1p-42, 0.1, 1}[r.IntN(4)]
				if got, want := MassFrom(x, w, bounds[0], least), massFromGeneric(x, w, bounds[0], least); got != want {
					t.Fatalf("%s, least %v: mass %d, want %d", what, least, got, want)
				}
				if got, want := CountFrom(x, bounds[0]), countFromGeneric(x, bounds[0]); got != want {
					t.Fatalf("%s: count %d, want %d", what, got, want)
				}
				sameGather(t, what, x, w, bounds[0], bounds[1])
			}
		}
	}
}

// sameGather compares a gathering with its twin, and sees to it that nothing is
// written beyond the length of the source.
func sameGather(t *testing.T, what string, x, w []float32, above, below float32) {
	t.Helper()
	const guard = 12345
	n := len(x)
	gotX, gotW := make([]float32, n+32), make([]float32, n+32)
	for i := range gotX {
		gotX[i], gotW[i] = guard, guard
	}
	places := make([]int32, n)
	for i := range places {
		places[i] = int32(i)
	}
	gotPlaces, wantX, wantW := make([]int32, n), make([]float32, n), make([]float32, n)
	want := 0
	for i, v := range x {
		if v > above && v < below {
			wantX[want], wantW[want] = v, w[i]
			want++
		}
	}
	got := Gather(gotX, gotW, x, w, above, below)
	if got != want {
		t.Fatalf("%s: gathered %d, want %d", what, got, want)
	}
	sameBits(t, what+": keys", gotX[:got], wantX[:got])
	sameBits(t, what+": values", gotW[:got], wantW[:got])
	for _, v := range slices.Concat(gotX[n:], gotW[n:]) {
		if v != guard {
			t.Fatalf("%s: wrote beyond the length", what)
		}
	}
	got, over := Part(gotX, gotW, x, w, above, below)
	if wantOver := massFromGeneric(x, w, below, 0); got != want || over != wantOver {
		t.Fatalf("%s: parted %d and a mass of %d, want %d and %d", what, got, over, want, wantOver)
	}
	sameBits(t, what+": parted keys", gotX[:got], wantX[:got])
	sameBits(t, what+": parted values", gotW[:got], wantW[:got])
	for _, v := range slices.Concat(gotX[n:], gotW[n:]) {
		if v != guard {
			t.Fatalf("%s: parting wrote beyond the length", what)
		}
	}
	if got := Gather(gotX, gotPlaces, x, places, above, below); got != want {
		t.Fatalf("%s: gathered %d places, want %d", what, got, want)
	}
	for i, p := range gotPlaces[:want] {
		if i > 0 && p <= gotPlaces[i-1] || math.Float32bits(x[p]) != math.Float32bits(wantX[i]) {
			t.Fatalf("%s: place %d is %d, which has %v, want %v", what, i, p, x[p], wantX[i])
		}
	}
}

// TestMassesAreWholeUnits holds the halves of a mass against its definition,
// with the most that a call can sum.
func TestMassesAreWholeUnits(t *testing.T) { atEveryLevel(t, massesAreWholeUnits) }

func massesAreWholeUnits(t *testing.T) {
	x, w := make([]float32, 5*GroupSize), make([]float32, 5*GroupSize)
	for _, v := range []float32{1, 0x1.fffffep-1, 0x1.fffffep-2, 0x1.555554p-3, 0x1p-42, 0x1.8p-42, 0x1.fffffep-43, 0} {
		for i := range w {
			w[i] = v
		}
		if got, want := MassFrom(x, w, 0, 0), int64(len(w))*int64(math.Floor(float64(v)*(1<<42))); got != want {
			t.Errorf("%d times %v: mass %d, want %d", len(w), v, got, want)
		}
	}
}

func TestNeighboursTellGreaterFromEqual(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 15))
	for range 10000 {
		x := finiteBits(r)
		if r.IntN(4) == 0 {
			x = edges[r.IntN(len(edges))]
		}
		for _, y := range []float32{x, -x, Above(x), Below(x), Above(Above(x)), Below(Below(x)), 0, float32(math.Copysign(0, -1))} {
			if (y > x) != (y >= Above(x)) || (y >= x) != (y > Below(x)) {
				t.Fatalf("x = %v, y = %v: above %v, below %v", x, y, Above(x), Below(x))
			}
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	const n = 49152
	r := rand.New(rand.NewPCG(16, 16))
	x, w, sums := make([]float32, n), make([]float32, n), make([]float32, Groups(n))
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	ExpSums(sums, w, x, Max(x), 1)
	dstX, dstW := make([]float32, n), make([]float32, n)
	for _, bm := range []struct {
		name string
		run  func()
	}{
		{"MassFrom", func() { MassFrom(x, w, 0, 0) }},
		{"CountFrom", func() { CountFrom(x, 0) }},
		{"Gather 1 %", func() { Gather(dstX, dstW, x, w, 2.33, 9) }},
		{"Gather 10 %", func() { Gather(dstX, dstW, x, w, 0, 0.253) }},
		{"Part 10 %", func() { Part(dstX, dstW, x, w, 0, 0.253) }},
		{"Gather all", func() { Gather(dstX, dstW, x, w, -9, 9) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				bm.run()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
