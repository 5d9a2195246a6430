package bench

import (
	"math"
	"slices"
	"time"
)

// A Spread is the best and the median of several rounds.
type Spread struct {
	Best   float64 `json:"best"`
	Median float64 `json:"median"`
}

// highest is the spread of figures of which more is better. There must be one.
func highest(x []float64) Spread { return Spread{slices.Max(x), median(x)} }

// lowest is the spread of figures of which less is better.
func lowest(x []float64) Spread { return Spread{slices.Min(x), median(x)} }

// median is the middle one, or the mean of the middle two.
func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Times are how long the steps of a load took, in milliseconds.
type Times struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

func timesOf(durations []time.Duration) Times {
	sorted := slices.Sorted(slices.Values(durations))
	if len(sorted) == 0 {
		return Times{}
	}
	at := func(percent float64) float64 { return milliseconds(sorted[rank(percent, len(sorted))]) }
	return Times{len(sorted), at(50), at(90), at(99), at(100)}
}

// rank is the index of a percentile among n sorted values: the smallest of which
// at least that percentage are not larger (nearest rank).
func rank(percent float64, n int) int {
	return max(0, int(math.Ceil(percent/100*float64(n)))-1)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
