package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// passLengths are around the vectors of 16, the widths of models, and around
// the calls of 512 vectors.
func passLengths() []int {
	n := []int{576, 1536, 8191, 8192, 8209}
	for i := range 71 {
		n = append(n, i)
	}
	return n
}

// fence lies on both sides of a fenced slice: a NaN that no kernel makes.
var fence = math.Float32frombits(0x7fdeadbe)

// fenced copies x to offset floats behind a cache line, with fences around it.
// intact says whether they still stand.
func fenced(x []float32, offset int) (inside []float32, intact func() bool) {
	all := alignedFloats(len(x) + 2*16)
	for i := range all {
		all[i] = fence
	}
	inside = all[offset : offset+len(x) : offset+len(x)]
	copy(inside, x)
	return inside, func() bool {
		for i, v := range all {
			outside := i < offset || i >= offset+len(x)
			if outside && math.Float32bits(v) != math.Float32bits(fence) {
				return false
			}
		}
		return true
	}
}

// passes are the kernels of one pass with their twins. Each changes the slices
// of v, of which it takes four of one length, and reads s and t.
var passes = []struct {
	name      string
	run, twin func(v [][]float32, s, t float32)
}{
	{"add",
		func(v [][]float32, s, t float32) { add(v[0], v[1]) },
		func(v [][]float32, s, t float32) { addGeneric(v[0], v[1]) }},
	{"add to itself",
		func(v [][]float32, s, t float32) { add(v[0], v[0]) },
		func(v [][]float32, s, t float32) { addGeneric(v[0], v[0]) }},
	{"scale",
		func(v [][]float32, s, t float32) { scale(v[0], s) },
		func(v [][]float32, s, t float32) { scaleGeneric(v[0], s) }},
	{"rotate",
		func(v [][]float32, s, t float32) { rotate(v[0], v[1], v[2], v[3]) },
		func(v [][]float32, s, t float32) { rotateGeneric(v[0], v[1], v[2], v[3]) }},
	{"rescaleAdd",
		func(v [][]float32, s, t float32) { rescaleAdd(v[0], v[1], s, t) },
		func(v [][]float32, s, t float32) { rescaleAddGeneric(v[0], v[1], s, t) }},
	{"divide",
		func(v [][]float32, s, t float32) { divide(v[0], v[1], s) },
		func(v [][]float32, s, t float32) { divideGeneric(v[0], v[1], s) }},
	{"divide in place",
		func(v [][]float32, s, t float32) { divide(v[0], v[0], s) },
		func(v [][]float32, s, t float32) { divideGeneric(v[0], v[0], s) }},
}

// TestPassesMatchTwins: every kernel of one pass gives its twin's bits, of any
// length, from any start, for values at the edges, and touches nothing beside
// its slices. Where a result is NaN, as infinity less infinity is, both are.
func TestPassesMatchTwins(t *testing.T) { atEveryLevel(t, passesMatchTwins) }

func passesMatchTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 13))
	for _, n := range passLengths() {
		tries := 4
		if n > 1536 {
			tries = 1
		}
		for range tries {
			for _, p := range passes {
				s, u := scalar(r), scalar(r)
				var got, want [][]float32
				var fences []func() bool
				for range 4 {
					x := floats(r, n)
					in, intact := fenced(x, r.IntN(16))
					got, want, fences = append(got, in), append(want, slices.Clone(x)), append(fences, intact)
				}
				p.run(got, s, u)
				p.twin(want, s, u)
				what := fmt.Sprintf("%s of %d, by %v and %v", p.name, n, s, u)
				for i := range want {
					sameBits(t, what, oneNaN(got[i]), oneNaN(want[i]))
					if !fences[i]() {
						t.Fatalf("%s: writes beside slice %d", what, i)
					}
				}
			}
		}
	}
}

// scalar is a factor or divisor: an edge, or some number.
func scalar(r *rand.Rand) float32 {
	if r.IntN(2) == 0 {
		return edges[r.IntN(len(edges))]
	}
	return activation(r)
}

// oneNaN is x with all its NaNs the same.
func oneNaN(x []float32) []float32 {
	x = slices.Clone(x)
	for i, v := range x {
		if v != v {
			x[i] = float32(math.NaN())
		}
	}
	return x
}

// TestPassesKeepNaN: a NaN in any input of a pass is in its results, where the
// end of the forward pass looks for it.
func TestPassesKeepNaN(t *testing.T) { atEveryLevel(t, passesKeepNaN) }

func passesKeepNaN(t *testing.T) {
	reads := map[string]int{"add": 2, "add to itself": 1, "scale": 1, "rotate": 4, "rescaleAdd": 2, "divide": 2, "divide in place": 1}
	for _, p := range passes {
		for input := range reads[p.name] {
			if p.name == "divide" && input == 0 {
				continue // written only
			}
			for _, at := range []int{0, 15, 16, 40} {
				v := make([][]float32, 4)
				for i := range v {
					v[i] = slices.Repeat([]float32{1}, 41)
				}
				v[input][at] = float32(math.NaN())
				p.run(v, 2, 3)
				if v[0][at] == v[0][at] {
					t.Errorf("%s loses a NaN at %d of input %d", p.name, at, input)
				}
			}
		}
	}
}

// TestLengthsThatDoNotMatchPanic: kernels get pointers, so that lengths are
// checked before.
func TestLengthsThatDoNotMatchPanic(t *testing.T) {
	long, short := make([]float32, 64), make([]float32, 32)
	for name, f := range map[string]func(){
		"Add of a shorter y":         func() { Add(long, short) },
		"Add of a longer y":          func() { Add(short, long) },
		"Rotate by too few angles":   func() { Rotate(long, short[:16], short[:16]) },
		"Rotate by too many angles":  func() { Rotate(short, short, short) },
		"Rotate by too few sines":    func() { Rotate(long, short, short[:16]) },
		"Store of too short a key":   func() { l := NewKVLayout(64); l.Store(make([]byte, l.HeadBytes()), 0, short, long) },
		"Store of too short a value": func() { l := NewKVLayout(64); l.Store(make([]byte, l.HeadBytes()), 0, long, short) },
		"Store to position 32":       func() { l := NewKVLayout(64); l.Store(make([]byte, l.HeadBytes()), BlockPositions, long, long) },
		"Store to position -1":       func() { l := NewKVLayout(64); l.Store(make([]byte, l.HeadBytes()), -1, long, long) },
		"Store to a part of a block": func() { l := NewKVLayout(64); l.Store(make([]byte, 100), 0, long, long) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
			}()
			f()
		}()
	}
}

// BenchmarkPasses has the sizes of one row of SmolLM2-135M: 576 for the
// residual stream, 64 for a head.
func BenchmarkPasses(b *testing.B) {
	x, y := slices.Repeat([]float32{1}, 576), make([]float32, 576)
	head, cos, sin := x[:64], slices.Repeat([]float32{0.6}, 32), slices.Repeat([]float32{0.8}, 32)
	for _, op := range []struct {
		name  string
		bytes int64 // read and written
		run   func()
	}{
		{"Add", 3 * 4 * 576, func() { Add(x, y) }},
		{"Scale", 2 * 4 * 576, func() { Scale(x, 1) }},
		{"Rotate", 3 * 4 * 64, func() { Rotate(head, cos, sin) }},
		{"rescaleAdd", 3 * 4 * 64, func() { rescaleAdd(head, y[:64], 1, 1) }},
		{"divide", 2 * 4 * 64, func() { divide(head, head, 1) }},
	} {
		b.Run(op.name, func(b *testing.B) {
			b.SetBytes(op.bytes)
			for b.Loop() {
				op.run()
			}
		})
	}
}
