package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tinsmith.example/internal/engine/kernel"
)

var drawCases = []Params{
	{Temperature: 0, TopP: 1},
	{Temperature: 1, TopP: 1},
	{Temperature: 0.6, TopP: 1},
	{Temperature: 1e-3, TopP: 1},
	{Temperature: 1e6, TopP: 1},
	{Temperature: 1, TopK: 1, TopP: 1},
	{Temperature: 1, TopK: 50, TopP: 1},
	{Temperature: 1.3, TopK: 700, TopP: 1},
	{Temperature: 1, TopK: 1 << 40, TopP: 1},
	{Temperature: 1, TopP: 1e-9},
	{Temperature: 1, TopP: 0.5},
	{Temperature: 0.7, TopP: 0.9},
	{Temperature: 1, TopP: 0.999},
	{Temperature: 1, TopP: math.Nextafter(1, 0)},
	{Temperature: 1, TopK: 50, TopP: 0.9},
	{Temperature: 2, TopK: 3000, TopP: 0.99},
	{Temperature: 1e6, TopK: 40, TopP: 0.5},
	{Temperature: 1, TopK: 3000, TopP: 1},
	{Temperature: 1, TopK: 3000, TopP: 0.9},
	{Temperature: 0.9, TopK: 4000, TopP: 0.7, MinP: 0.01},
	{Temperature: 0.5, TopP: 0.01},
	{Temperature: 1, TopP: 1, MinP: 1},
	{Temperature: 1, TopP: 1, MinP: 0.1},
	{Temperature: 1, TopP: 1, MinP: 1e-300},
	{Temperature: 3, TopP: 1, MinP: float64(float32(0.3))},
	{Temperature: 1e6, TopP: 1, MinP: math.Nextafter(1, 0)},
	{Temperature: 1, TopK: 50, TopP: 1, MinP: 0.5},
	{Temperature: 0.7, TopP: 0.9, MinP: 0.05},
	{Temperature: 1.2, TopK: 2000, TopP: 0.8, MinP: 0.02},
}

// keptIDs are the ids that the last filter kept, rising.
func keptIDs(r *Row) (ids []int32) {
	for place := range r.kept.logits {
		if !r.kept.keeps(place) {
			continue
		}
		if r.kept.ids != nil {
			ids = append(ids, r.kept.ids[place])
		} else {
			ids = append(ids, int32(place))
		}
	}
	return ids
}

func TestDrawFollowsTheWrittenRule(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	var r Row
	for i, shape := range append(shapes, hardRows...) {
		sizes := []int{1, 2, 17, 1024, 1025, 4500}
		if i >= len(shapes) {
			sizes = []int{100, 2500}
		}
		for _, n := range sizes {
			x := shape.row(rnd, n)
			if err := r.Reset(x); err != nil {
				t.Fatal(err)
			}
			for _, p := range drawCases {
				for range 2 {
					p.Seed = rnd.Uint64()
					index, position := rnd.Uint32(), rnd.Uint32()
					kept, want := referenceDraw(x, p, index, position)
					got := r.Draw(p, index, position)
					if got != want {
						t.Fatalf("%s of %d, %+v, sample %d, position %d: drew %d, want %d",
							shape.name, n, p, index, position, got, want)
					}
					if p.TopP < 1 || p.TopK > 0 && p.TopK < n || p.MinP > 0 && p.Temperature > 0 {
						slices.Sort(kept)
						if got := keptIDs(&r); !slices.Equal(got, kept) {
							t.Fatalf("%s of %d, %+v: %d ids kept, want %d", shape.name, n, p, len(got), len(kept))
						}
					}
				}
			}
		}
	}
}

// TestLongRowsFollowTheWrittenRule does the same where a guess is made about a
// whole row, with the parameters that leave most of it and others at random.
func TestLongRowsFollowTheWrittenRule(t *testing.T) {
	rnd := rand.New(rand.NewPCG(29, 30))
	var r Row
	for _, shape := range append(shapes, hardRows...) {
		x := shape.row(rnd, 17000)
		if err := r.Reset(x); err != nil {
			t.Fatal(err)
		}
		for _, p := range []Params{
			{Temperature: 1, TopP: math.Nextafter(1, 0)},
			{Temperature: 2 * rnd.Float64(), TopP: 1 - rnd.Float64(), MinP: 0.1 * rnd.Float64()},
			{Temperature: 0.9, TopK: 1 + rnd.IntN(17000), TopP: 1 - rnd.Float64()},
		} {
			p.Seed = rnd.Uint64()
			kept, want := referenceDraw(x, p, 0, 0)
			got := r.Draw(p, 0, 0)
			slices.Sort(kept)
			if got != want || !slices.Equal(keptIDs(&r), kept) {
				t.Fatalf("%s, %+v: drew %d of %d ids, want %d of %d", shape.name, p, got, len(keptIDs(&r)), want, len(kept))
			}
		}
	}
}

func FuzzDrawFollowsTheWrittenRule(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, 1.0, 0, 1.0, 0.0, uint64(1))
	f.Add([]byte{9, 9, 9, 0, 128, 255}, 0.5, 2, 0.9, 0.0, uint64(2))
	f.Add([]byte{0, 128, 0, 128, 200}, 1e300, 0, 0.3, 0.0, uint64(3))
	f.Add([]byte{4, 12, 20, 5, 13, 4, 4}, 0.7, 0, 1.0, 0.25, uint64(4))
	f.Fuzz(func(t *testing.T, raw []byte, temperature float64, topK int, topP, minP float64, seed uint64) {
		if len(raw) == 0 || !(temperature >= 0) || math.IsInf(temperature, 1) || topK < 0 || !(topP > 0 && topP <= 1) || !(minP >= 0 && minP <= 1) {
			t.Skip()
		}
		x := make([]float32, len(raw))
		for i, b := range raw { // few different values, of all sizes, so that ties and extremes are common
			x[i] = float32(math.Ldexp(float64(int8(b))/8, int(b&7)*int(b&8)*2-8))
		}
		p := Params{Temperature: temperature, TopK: topK, TopP: topP, MinP: minP, Seed: seed}
		_, want := referenceDraw(x, p, 1, 2)
		if got := at(t, x).Draw(p, 1, 2); got != want {
			t.Errorf("%v, %+v: drew %d, want %d", x, p, got, want)
		}
	})
}

func TestGreedyTakesTheLowestOfTheLikeliest(t *testing.T) {
	zero := float32(0)
	for _, tt := range []struct {
		logits []float32
		want   int32
	}{
		{[]float32{5}, 0},
		{[]float32{1, 3, 2, 3}, 1},
		{[]float32{-1, -zero, zero}, 1},
		{[]float32{-2, -1, -1}, 1},
	} {
		r := at(t, tt.logits)
		for _, p := range []Params{
			{Temperature: 0, TopP: 1}, {Temperature: 0, TopK: 3, TopP: 0.5, Seed: 9},
			{Temperature: 1, TopK: 1, TopP: 1}, {Temperature: 1, TopP: 1e-300},
		} {
			if got := r.Draw(p, 2, 3); got != tt.want {
				t.Errorf("%v with %+v: %d, want %d", tt.logits, p, got, tt.want)
			}
		}
	}
}

func TestTokenDependsOnNothingButItsArguments(t *testing.T) {
	rnd := rand.New(rand.NewPCG(13, 14))
	p := Params{Temperature: 1, TopP: 0.95, Seed: 77}
	rows := [][]float32{peakedRow(rnd, 5000), flatRow(rnd, 300), tiedRow(rnd, 2000)}
	sequence := func(r *Row, index uint32) (ids []int32) {
		for position := range uint32(30) {
			id, _, err := r.Next(rows[position%3], p, index, position)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		return ids
	}
	var shared Row
	var together [8][]int32
	for i := len(together) - 1; i >= 0; i-- { // in another order
		together[i] = sequence(&shared, uint32(i))
	}
	for i := range 4 { // the first 4 of 8 are the 4
		if alone := sequence(new(Row), uint32(i)); !slices.Equal(alone, together[i]) {
			t.Errorf("sample %d: %v alone, %v among others", i, alone, together[i])
		}
		for j := range i {
			if slices.Equal(together[i], together[j]) {
				t.Errorf("samples %d and %d are the same", i, j)
			}
		}
	}
	before := sequence(&shared, 0)
	p.Seed++
	if slices.Equal(before, sequence(&shared, 0)) {
		t.Error("another seed gives the same sample")
	}
}

// TestDrawsHaveTheirProbabilities compares frequencies of fixed draws with the
// exact distribution: chi-square with limits that a right sampler exceeds once
// in 10^5.
func TestDrawsHaveTheirProbabilities(t *testing.T) {
	const draws = 10000
	rnd := rand.New(rand.NewPCG(15, 16))
	small := flatRow(rnd, 40)
	wide := make([]float32, 2100) // 10 likely ids, in all of its groups, and a tail
	for i := range wide {
		wide[i] = -9
	}
	for i := range 10 {
		wide[i*207] = float32(i) / 4
	}
	for _, tt := range []struct {
		logits []float32
		p      Params
	}{
		{small, Params{Temperature: 1, TopP: 1}},
		{small, Params{Temperature: 0.5, TopP: 1}},
		{small, Params{Temperature: 3, TopK: 12, TopP: 1}},
		{small, Params{Temperature: 1, TopP: 0.7}},
		{small, Params{Temperature: 1, TopK: 20, TopP: 0.8}},
		{small, Params{Temperature: 1.5, TopP: 0.95, MinP: 0.2}},
		{wide, Params{Temperature: 1, TopP: 1}},
		{wide, Params{Temperature: 2, TopP: 1}},
		{wide, Params{Temperature: 1, TopK: 10, TopP: 1}},
	} {
		t.Run(fmt.Sprintf("%d/%+v", len(tt.logits), tt.p), func(t *testing.T) {
			kept, _ := referenceDraw(tt.logits, tt.p, 0, 0)
			probability := make([]float64, len(tt.logits))
			z := 0.0
			for _, id := range kept {
				probability[id] = math.Exp(float64(tt.logits[id]) / tt.p.Temperature)
				z += probability[id]
			}
			r := at(t, tt.logits)
			counts := make([]int, len(tt.logits))
			for i := range uint32(draws) {
				counts[r.Draw(tt.p, i%7, i/7)]++
			}
			var rest, restWant, chi float64 // ids that are too rare for a cell of their own share one
			cells := 0
			add := func(got, want float64) {
				chi += (got - want) * (got - want) / want
				cells++
			}
			for id, c := range counts {
				want := probability[id] / z * draws
				switch {
				case want == 0 && c > 0:
					t.Fatalf("%d was drawn %d times, but is filtered out", id, c)
				case want < 10:
					rest, restWant = rest+float64(c), restWant+want
				default:
					add(float64(c), want)
				}
			}
			if restWant > 0 {
				add(rest, restWant)
			}
			// Wilson and Hilferty: the cube root of chi-square over its
			// degrees of freedom is nearly normal.
			df := float64(cells - 1)
			limit := df * math.Pow(1-2/(9*df)+4.27*math.Sqrt(2/(9*df)), 3)
			if chi > limit {
				t.Errorf("chi-square is %.1f in %d cells, the limit %.1f", chi, cells, limit)
			}
		})
	}
}

func TestPlacesFallOnTheRightSideOfBorders(t *testing.T) {
	const half = 1 << 63
	r := at(t, []float32{1, 1})
	few := at(t, []float32{-9, 1, -9, -9, -9, -9, 1}) // of which the filter keeps two
	few.filter(Params{Temperature: 1, TopK: 2, TopP: 1}, 1)
	for _, tt := range []struct {
		u          uint64
		whole, few int32
	}{{0, 0, 1}, {half - 1, 0, 1}, {half, 1, 6}, {math.MaxUint64, 1, 6}} {
		if id := drawFromAll(tt.u, &r.own); id != tt.whole {
			t.Errorf("two equal ids, u = %d: drew %d, want %d", tt.u, id, tt.whole)
		}
		if id := few.kept.draw(tt.u); id != tt.few {
			t.Errorf("two equal ids of more, u = %d: drew %d, want %d", tt.u, id, tt.few)
		}
	}
	for _, tt := range []struct {
		p           float64
		total, want int64
	}{{0.5, 4, 2}, {0.5, 3, 2}, {1e-300, 1, 1}, {math.Nextafter(1, 0), 10, 10}, {0.25, 1 << 60, 1 << 58}} {
		if got := share(tt.p, tt.total); got != tt.want {
			t.Errorf("share(%v, %d) = %d, want %d", tt.p, tt.total, got, tt.want)
		}
	}
}

// The sum of a group is rounded, and its ids must share what that adds or takes
// away. Without, the last place of a group would lie beyond all ids, or never
// reach those at the end.
func TestLastPlaceOfAGroupIsItsLastIds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(19, 20))
	for range 20 {
		x := make([]float32, 1024)
		for i := range x {
			x[i] = rnd.Float32()
		}
		x[0], x[1022], x[1023] = 1, -16, -60 // less than is rounded; less than can be drawn
		r := at(t, x)
		if id := drawFromAll(0, &r.own); id != 0 {
			t.Errorf("the first place is %d's, want 0's", id)
		}
		if id := drawFromAll(math.MaxUint64, &r.own); id != 1022 {
			t.Errorf("the last place is %d's, want 1022's", id)
		}
	}
}

func TestGroupsOfTinyWeightsCanBeDrawn(t *testing.T) {
	// One likely id, then a group of ids each below the unit of mass, but
	// together above it.
	x := make([]float32, 2048)
	for i := range x {
		x[i] = -32 // e^-32 is 2^-46.2
	}
	x[0] = 0
	r := at(t, x)
	total := totalMass(r.own.sums)
	if kernel.Mass(r.own.sums[1]) == 0 {
		t.Fatal("the second group has no mass")
	}
	lastOfFirst := uint64(float64(kernel.Mass(r.own.sums[0])) / float64(total) * math.MaxUint64)
	seen := map[int32]bool{}
	for i := range uint64(1000) {
		seen[drawFromAll(lastOfFirst+i*((math.MaxUint64-lastOfFirst)/1000), &r.own)] = true
	}
	inSecond := 0
	for id := range seen {
		if id >= 1024 {
			inSecond++
		}
	}
	if inSecond < 40 {
		t.Errorf("%d different ids of the second group, want more", inSecond)
	}
}
