package sample

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// at is a row of logits, ready.
func at(t testing.TB, logits []float32) *Row {
	t.Helper()
	r := new(Row)
	if err := r.Reset(logits); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNonFiniteLogitsAreRefused(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, bad := range []float32{inf, -inf, float32(math.NaN())} {
		for _, n := range []int{1, 7, 1024, 5000} {
			for _, at := range []int{0, n / 2, n - 1} {
				x := make([]float32, n)
				x[at] = bad
				var r Row
				if err := r.Reset(x); !errors.Is(err, ErrNonFinite) {
					t.Errorf("%v at %d of %d: error %v, want ErrNonFinite", bad, at, n, err)
				}
				if _, _, err := r.Next(x, Params{Temperature: 1, TopP: 1}, 0, 0); !errors.Is(err, ErrNonFinite) {
					t.Errorf("%v at %d of %d: Next gives %v, want ErrNonFinite", bad, at, n, err)
				}
				x[at] = 1
				if err := r.Reset(x); err != nil {
					t.Errorf("a good row after a bad one: %v", err)
				}
			}
		}
	}
}

func TestLogprobsAreThoseOfTheSoftmax(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, shape := range shapes {
		for _, n := range []int{1, 2, 1023, 1024, 1025, 3000} {
			x := shape.row(rnd, n)
			r := at(t, x)
			z := 0.0
			for _, v := range x {
				z += math.Exp(float64(v - r.max))
			}
			sum := 0.0
			for id, v := range x {
				got, want := float64(r.Logprob(int32(id))), float64(v-r.max)-math.Log(z)
				if math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
					t.Fatalf("%s of %d: log probability of %d is %v, want %v", shape.name, n, id, got, want)
				}
				sum += math.Exp(got)
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Errorf("%s of %d: probabilities sum to %v", shape.name, n, sum)
			}
		}
	}
}

func TestLogprobsAreFiniteAtTheEndsOfTheRange(t *testing.T) {
	const huge = math.MaxFloat32
	r := at(t, []float32{huge, -huge, 0, -huge})
	for id := range int32(4) {
		if lp := float64(r.Logprob(id)); math.IsInf(lp, 0) || math.IsNaN(lp) || lp > 0 {
			t.Errorf("log probability of %d is %v", id, lp)
		}
		for _, temperature := range []float64{5e-324, 1e-300, 1e-9, 1, 1e9, math.MaxFloat64} {
			id := r.Draw(Params{Temperature: temperature, TopP: 1}, 0, 0)
			if id != 0 && temperature < 1e9 {
				t.Errorf("temperature %v drew %d", temperature, id)
			}
		}
	}
}

func TestSampledLogprobIsTheComputedOne(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	x := peakedRow(rnd, 3000)
	other := at(t, slices.Clone(x))
	var r Row
	for position := range uint32(200) {
		for _, p := range []Params{
			{Temperature: 0, TopP: 1},
			{Temperature: 1, TopP: 1},
			{Temperature: 0.3, TopK: 9, TopP: 0.8},
			{Temperature: 2, TopP: 0.7},
		} {
			id, lp, err := r.Next(x, p, 0, position)
			if err != nil {
				t.Fatal(err)
			}
			if want := other.Logprob(id); math.Float32bits(lp) != math.Float32bits(want) {
				t.Fatalf("%+v: sampled %d with %v, computed %v", p, id, lp, want)
			}
		}
	}
}

func TestTopKIsTheHeadOfTheSortedVocabulary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	var r Row
	for _, shape := range shapes {
		for _, n := range []int{1, 5, 1000, 9000} {
			x := shape.row(rnd, n)
			if err := r.Reset(x); err != nil {
				t.Fatal(err)
			}
			order := ranked(x)
			for _, k := range []int{-1, 0, 1, 2, 5, 20, 128, 999, 4500, n, n + 1} {
				got := r.TopK([]TokenLogprob{{ID: -7}}, k)
				if got[0].ID != -7 || len(got)-1 != max(min(k, n), 0) {
					t.Fatalf("%s of %d, k=%d: %d appended", shape.name, n, k, len(got)-1)
				}
				for i, g := range got[1:] {
					if want := (TokenLogprob{order[i], r.Logprob(order[i])}); g != want {
						t.Fatalf("%s of %d, k=%d: place %d is %v, want %v", shape.name, n, k, i, g, want)
					}
				}
			}
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	var rows [][]float32
	for _, shape := range shapes {
		rows = append(rows, shape.row(rnd, 5000))
	}
	var r Row
	var top []TokenLogprob
	position := uint32(0)
	step := func() {
		for _, x := range rows {
			for _, p := range []Params{
				{Temperature: 0, TopP: 1}, {Temperature: 1, TopP: 1}, {Temperature: 2, TopP: 1},
				{Temperature: 1, TopK: 40, TopP: 0.9}, {Temperature: 1.5, TopP: 0.95},
				{Temperature: 1, TopK: 2000, TopP: 0.5}, {Temperature: 0.7, TopP: 1, MinP: 0.1},
			} {
				if _, _, err := r.Next(x, p, 1, position); err != nil {
					t.Fatal(err)
				}
			}
			top = r.TopK(top[:0], 20)
		}
		position++
	}
	step() // the buffers grow
	if n := testing.AllocsPerRun(20, step); n != 0 {
		t.Errorf("%v allocations a step, want none", n)
	}
}

// TestDrawsOfARowShareItsFilter: draws that follow others from the same row, with
// the same parameters or with others in between, give what each gives alone.
func TestDrawsOfARowShareItsFilter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(25, 26))
	for _, shape := range shapes {
		x := shape.row(rnd, 5000)
		r := at(t, x)
		for index := range uint32(16) {
			for _, p := range drawCases {
				for range 1 + rnd.IntN(2) {
					p.Seed = rnd.Uint64()
					if got, want := r.Draw(p, index, 3), at(t, x).Draw(p, index, 3); got != want {
						t.Fatalf("%s, %+v, sample %d: drew %d after others, %d alone", shape.name, p, index, got, want)
					}
				}
				if rnd.IntN(4) == 0 {
					r.TopK(nil, 1+rnd.IntN(100))
				}
			}
		}
	}
}

func TestImpossibleArgumentsPanic(t *testing.T) {
	r := at(t, []float32{1, 2})
	for _, p := range []Params{
		{Temperature: -1, TopP: 1}, {Temperature: math.NaN(), TopP: 1}, {Temperature: math.Inf(1), TopP: 1},
		{Temperature: 1, TopP: 0}, {Temperature: 1, TopP: 1.1}, {Temperature: 1, TopP: math.NaN()},
		{Temperature: 1, TopK: -1, TopP: 1}, {},
		{Temperature: 1, TopP: 1, MinP: -0.1}, {Temperature: 1, TopP: 1, MinP: 1.1}, {Temperature: 1, TopP: 1, MinP: math.NaN()},
	} {
		mustPanic(t, fmt.Sprintf("%+v", p), func() { r.Draw(p, 0, 0) })
	}
	mustPanic(t, "no logits", func() { _ = r.Reset(nil) })
	mustPanic(t, "too many logits", func() { _ = r.Reset(make([]float32, MaxVocab+1)) })
	mustPanic(t, "id beyond the vocabulary", func() { at(t, []float32{1}).Logprob(1) })
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

// TestDrawsDependOnTheirArgumentsAlone mixes temperatures and filters on one
// row, and draws each once more from a row of its own.
func TestDrawsDependOnTheirArgumentsAlone(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 8))
	x := flatRow(rnd, 6000)
	r := at(t, x)
	for i := range 600 {
		p := Params{Temperature: []float64{0, 0.5, 1, 3}[rnd.IntN(4)], TopP: []float64{1, 0.9}[rnd.IntN(2)], Seed: uint64(i)}
		p.TopK = []int{0, 0, 5, 3000}[rnd.IntN(4)]
		p.MinP = []float64{0, 0, 0.01}[rnd.IntN(3)]
		if got, want := r.Draw(p, 1, 2), at(t, x).Draw(p, 1, 2); got != want {
			t.Fatalf("draw %d, %+v: got %d, want %d", i, p, got, want)
		}
	}
}
