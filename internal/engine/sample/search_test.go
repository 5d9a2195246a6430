package sample

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tinsmith.example/internal/engine/kernel"
)

// hardRows are made against guesses.
var hardRows = []struct {
	name string
	row  func(r *rand.Rand, n int) []float32
}{
	{"one outlier", func(r *rand.Rand, n int) []float32 {
		x := flatRow(r, n)
		x[r.IntN(n)] = math.MaxFloat32
		return x
	}},
	{"two values", func(r *rand.Rand, n int) []float32 {
		return drawn(n, func() float32 { return float32(r.IntN(2)) })
	}},
	{"zeros of both signs", func(r *rand.Rand, n int) []float32 {
		return drawn(n, func() float32 { return float32(math.Copysign(0, r.Float64()-0.5)) })
	}},
	{"half of it one value", func(r *rand.Rand, n int) []float32 {
		return drawn(n, func() float32 { return max(float32(r.NormFloat64()), 0) })
	}},
	{"neighbours", func(r *rand.Rand, n int) []float32 { // all within one bucket of anything
		return drawn(n, func() float32 { return math.Float32frombits(0x40400000 + r.Uint32N(999)) })
	}},
	{"nested", func(r *rand.Rand, n int) []float32 { // ever more ids ever nearer to 1
		return drawn(n, func() float32 { return float32(1 - math.Pow(2, -24*r.Float64())) })
	}},
	{"all magnitudes", func(r *rand.Rand, n int) []float32 {
		return drawn(n, func() float32 { return float32(math.Ldexp(r.NormFloat64(), r.IntN(200)-100)) })
	}},
	{"cliff", func(r *rand.Rand, n int) []float32 { // most ids without a mass
		x := drawn(n, func() float32 { return -1000 - float32(r.ExpFloat64()) })
		for i := range min(n, 20) {
			x[r.IntN(n)] = float32(i)
		}
		return x
	}},
	{"periodic", func(_ *rand.Rand, n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i%64) / 8
		}
		return x
	}},
}

func drawn(n int, next func() float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = next()
	}
	return x
}

// TestSearchEndsWhereASortWould compares with adding up the sorted row, on rows
// of many sizes and for targets that fall on, before and after borders.
func TestSearchEndsWhereASortWould(t *testing.T) {
	rnd := rand.New(rand.NewPCG(23, 24))
	rows := append(shapes, hardRows...)
	var s search
	for _, shape := range rows {
		for _, n := range []int{1, 3, 255, 256, 257, 1000, 5000, 20000} {
			x := shape.row(rnd, n)
			r := at(t, x)
			order := ranked(x)
			for _, weights := range [][]float32{nil, r.own.weights, r.heat(float32(rnd.ExpFloat64())).weights} {
				prefix := make([]int64, n+1) // the measure of the first so many ids
				for i, id := range order {
					prefix[i+1] = prefix[i] + measureAt(weights, int(id))
				}
				total := prefix[n]
				for range 12 {
					target := 1 + rnd.Int64N(total)
					if rnd.IntN(2) == 0 {
						target = max(1, min(total, prefix[1+rnd.IntN(n)]+rnd.Int64N(3)-1))
					}
					want := 0
					for prefix[want+1] < target {
						want++
					}
					guess := total + int64(float64(rnd.IntN(3)-1)*0.1*float64(total)) // need not be right
					e, ok := s.find(x, weights, guess, target)
					if !ok || e.border != x[order[want]] {
						t.Fatalf("%s of %d, by mass %v, target %d of %d: found %v, %v, want %v",
							shape.name, n, weights != nil, target, total, e.border, ok, x[order[want]])
					}
					inside := int(order[want])
					if place := e.last(x); place < inside || slices.Contains(x[inside+1:place+1], e.border) {
						t.Fatalf("%s of %d, by mass %v, target %d of %d: ends at id %d, want %d",
							shape.name, n, weights != nil, target, total, place, inside)
					}
					if m := e.measure(target); m != prefix[want+1] {
						t.Fatalf("%s of %d, by mass %v, target %d of %d: measures %d, want %d",
							shape.name, n, weights != nil, target, total, m, prefix[want+1])
					}
				}
				if _, ok := s.find(x, weights, total, total+1); ok {
					t.Fatalf("%s of %d: found more than there is", shape.name, n)
				}
			}
		}
	}
}

// TestSearchSaysWhenThereIsLess: a row may measure less than was asked for, by
// rounding of group sums. What is left of it then can be of any length.
func TestSearchSaysWhenThereIsLess(t *testing.T) {
	rnd := rand.New(rand.NewPCG(27, 28))
	var s search
	for _, shape := range append(shapes, hardRows...) {
		for range 4 {
			r := at(t, shape.row(rnd, 40000))
			total := kernel.MassFrom(r.logits, r.own.weights, -infinity, 0)
			for _, more := range []int64{1, 1 + rnd.Int64N(1000), total} {
				if e, ok := s.find(r.logits, r.own.weights, total, total+more); ok {
					t.Fatalf("%s: %d more than there is ends at %+v", shape.name, more, e)
				}
			}
			if e, ok := s.find(r.logits, r.own.weights, total, total); !ok || e.measure(total) != total {
				t.Fatalf("%s: all there is ends at %+v, %v", shape.name, e, ok)
			}
		}
	}
}

// FuzzSearch does the same with rows of few values, of all sizes, repeated.
func FuzzSearch(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint16(9), uint16(300))
	f.Add([]byte{0, 0, 0, 0, 1, 0, 255, 255, 9}, uint16(1), uint16(1))
	f.Fuzz(func(t *testing.T, raw []byte, target, times uint16) {
		if len(raw) == 0 || target == 0 {
			t.Skip()
		}
		var x, w []float32
		for range min(int(times), 4000/len(raw)) + 1 {
			for _, b := range raw {
				x = append(x, float32(math.Ldexp(float64(int8(b))/8, int(b&7)*int(b&8)*2-8)))
			}
		}
		for _, v := range x { // equal logits have equal weights
			w = append(w, float32(math.Ldexp(float64(raw[int(depth(v)>>7)%len(raw)]), -42)))
		}
		rest, ok := int64(target), false
		var last int32
		for _, id := range ranked(x) {
			last = id
			if rest -= kernel.Mass(w[id]); rest <= 0 {
				ok = true
				break
			}
		}
		e, found := new(search).find(x, w, int64(len(x)), int64(target))
		if found != ok || found && e.border != x[last] {
			t.Fatalf("%v, weights %v, target %d: found %v, %v, want %v, %v", x, w, target, e.border, found, x[last], ok)
		}
	})
}
