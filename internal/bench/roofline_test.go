package bench

import (
	"testing"

	"tinsmith.example/internal/engine"
)

// TestRoofline works out steps by hand, on a machine that reads 1000 bytes and
// makes 100 products a second.
func TestRoofline(t *testing.T) {
	work := engine.Work{
		LayerBytes: 2000, OutputBytes: 500, BlockBytes: 100,
		LayerProducts: 10, OutputProducts: 40, SeenProducts: 2,
	}
	m := &Machine{ReadRate: 1000, MultiplyRate: 100}
	for _, tt := range []struct {
		name   string
		steps  []engine.StepStats
		tokens int
		want   Roofline
	}{
		{"no steps", nil, 5, Roofline{Bound: boundReading}},
		{
			// Reads 2000 + 500 + 3*100, multiplies 10 + 40 + 5*2.
			"one row, with logits: reading is longer",
			[]engine.StepStats{{Tokens: 1, Logits: 1, Seen: 5, Blocks: 3}}, 1,
			Roofline{WeightBytes: 2500, CacheBytes: 300, Products: 60, ReadSeconds: 2.8, MultiplySeconds: 0.6, Seconds: 2.8,
				Bound: boundReading, TokensPerSecond: 1 / 2.8},
		},
		{
			// Without logits the output layer is neither read nor multiplied.
			"many rows, no logits: multiplying is longer",
			[]engine.StepStats{{Tokens: 30, Seen: 100, Blocks: 1}}, 30,
			Roofline{WeightBytes: 2000, CacheBytes: 100, Products: 500, ReadSeconds: 2.1, MultiplySeconds: 5, Seconds: 5,
				Bound: boundMultiplying, TokensPerSecond: 6},
		},
		{
			// Each step has its own longer one: 5 + 2.8, more than either alone.
			"both, one after the other",
			[]engine.StepStats{{Tokens: 30, Seen: 100, Blocks: 1}, {Tokens: 1, Logits: 1, Seen: 5, Blocks: 3}}, 39,
			Roofline{WeightBytes: 4500, CacheBytes: 400, Products: 560, ReadSeconds: 4.9, MultiplySeconds: 5.6, Seconds: 7.8,
				Bound: boundMultiplying, TokensPerSecond: 5},
		},
	} {
		if got := rooflineOf(work, m, tt.steps, tt.tokens); !alike(got, tt.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tt.name, got, tt.want)
		}
	}
}

// alike allows for the rounding of decimals.
func alike(a, b Roofline) bool {
	for _, x := range [][2]*float64{
		{&a.ReadSeconds, &b.ReadSeconds}, {&a.MultiplySeconds, &b.MultiplySeconds},
		{&a.Seconds, &b.Seconds}, {&a.TokensPerSecond, &b.TokensPerSecond},
	} {
		if d := *x[0] - *x[1]; d < -1e-9 || d > 1e-9 {
			return false
		}
		*x[0] = *x[1]
	}
	return a == b
}
