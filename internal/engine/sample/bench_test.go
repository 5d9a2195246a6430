package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

const benchVocab = 49152

// The rows that benchmarks and comparisons use, by shape.
var shapes = []struct {
	name string
	row  func(r *rand.Rand, n int) []float32
}{
	{"peaked", peakedRow}, // as language models give them
	{"flat", flatRow},
	{"equal", func(_ *rand.Rand, n int) []float32 { return make([]float32, n) }},
	{"tied", tiedRow},
	{"rising", risingRow},
}

// peakedRow is a bell of width 2.5 with a few dozen ids that stand out.
func peakedRow(r *rand.Rand, n int) []float32 {
	x := flatRow(r, n)
	for i := range x {
		x[i] *= 2.5
	}
	for i := range min(40, n) {
		x[r.IntN(n)] = 16 - 6*float32(r.ExpFloat64()) + float32(i&1)
	}
	return x
}

func flatRow(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// tiedRow has seven different values, 0 and -0 among them.
func tiedRow(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	zero := float32(0)
	for i := range x {
		if x[i] = float32(r.IntN(7) - 3); x[i] == 0 && r.IntN(2) == 0 {
			x[i] = -zero
		}
	}
	return x
}

func risingRow(_ *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i-n) / 1024
	}
	return x
}

func BenchmarkReset(b *testing.B) {
	x := peakedRow(rand.New(rand.NewPCG(1, 2)), benchVocab)
	var row Row
	for b.Loop() {
		if err := row.Reset(x); err != nil {
			b.Fatal(err)
		}
	}
	reportRows(b)
}

func reportRows(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// benchParams are the columns of the table of costs.
var benchParams = []Params{
	{Temperature: 0, TopP: 1},
	{Temperature: 1, TopP: 1},
	{Temperature: 0.8, TopP: 1},
	{Temperature: 1, TopK: 50, TopP: 1},
	{Temperature: 0.8, TopK: 50, TopP: 0.95},
	{Temperature: 1, TopK: 20000, TopP: 1},
	{Temperature: 0.8, TopK: 20000, TopP: 0.9},
	{Temperature: 1, TopP: 0.9},
	{Temperature: 1, TopP: 0.99},
	{Temperature: 0.8, TopP: 0.5},
	{Temperature: 0.8, TopP: 0.9},
	{Temperature: 0.8, TopP: 1, MinP: 0.1},
	{Temperature: 1e6, TopP: 0.9, MinP: 0.1},
}

func (p Params) name() string {
	return fmt.Sprintf("t%v/k%d/p%v/min%v", p.Temperature, p.TopK, p.TopP, p.MinP)
}

// BenchmarkNext is all that a row costs: its log probabilities and one draw.
func BenchmarkNext(b *testing.B) {
	for _, shape := range append(shapes, hardRows...) {
		x := shape.row(rand.New(rand.NewPCG(1, 2)), benchVocab)
		for _, p := range benchParams {
			b.Run(strings.ReplaceAll(shape.name, " ", "-")+"/"+p.name(), func(b *testing.B) {
				var row Row
				position := uint32(0)
				for b.Loop() {
					if _, _, err := row.Next(x, p, 0, position); err != nil {
						b.Fatal(err)
					}
					position++
				}
				reportRows(b)
			})
		}
	}
}

// BenchmarkDrawAgain is a further draw from a row.
func BenchmarkDrawAgain(b *testing.B) {
	x := flatRow(rand.New(rand.NewPCG(1, 2)), benchVocab)
	for _, p := range benchParams {
		b.Run(p.name(), func(b *testing.B) {
			var row Row
			if err := row.Reset(x); err != nil {
				b.Fatal(err)
			}
			index := uint32(0)
			for b.Loop() {
				row.Draw(p, index, 0)
				index++
			}
		})
	}
}

func BenchmarkTopK(b *testing.B) {
	for _, shape := range shapes {
		x := shape.row(rand.New(rand.NewPCG(1, 2)), benchVocab)
		for _, k := range []int{5, 20, 128} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, k), func(b *testing.B) {
				var row Row
				if err := row.Reset(x); err != nil {
					b.Fatal(err)
				}
				var top []TokenLogprob
				for b.Loop() {
					top = row.TopK(top[:0], k)
				}
				reportRows(b)
			})
		}
	}
}
