package bench

import (
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		x               []float64
		highest, lowest Spread
	}{
		{[]float64{5}, Spread{5, 5}, Spread{5, 5}},
		{[]float64{4, 1}, Spread{4, 2.5}, Spread{1, 2.5}},
		{[]float64{3, 9, 1}, Spread{9, 3}, Spread{1, 3}},
		{[]float64{8, 1, 2, 4}, Spread{8, 3}, Spread{1, 3}},
	} {
		if got := highest(tt.x); got != tt.highest {
			t.Errorf("highest(%v) = %v, want %v", tt.x, got, tt.highest)
		}
		if got := lowest(tt.x); got != tt.lowest {
			t.Errorf("lowest(%v) = %v, want %v", tt.x, got, tt.lowest)
		}
	}
}

func TestPercentilesAreNearestRank(t *testing.T) {
	falling := func(n int) []time.Duration { // n ms, n-1 ms, ... 1 ms
		d := make([]time.Duration, n)
		for i := range d {
			d[i] = time.Duration(n-i) * time.Millisecond
		}
		return d
	}
	for _, tt := range []struct {
		n    int
		want Times
	}{
		{0, Times{}},
		{1, Times{1, 1, 1, 1, 1}},
		{2, Times{2, 1, 2, 2, 2}},
		{10, Times{10, 5, 9, 10, 10}},
		{100, Times{100, 50, 90, 99, 100}},
		{1000, Times{1000, 500, 900, 990, 1000}},
	} {
		if got := timesOf(falling(tt.n)); got != tt.want {
			t.Errorf("of %d: got %+v, want %+v", tt.n, got, tt.want)
		}
	}
}
