package bench

import "tinsmith.example/internal/engine"

// A Roofline is the least time that the steps of a load would take on a machine
// which always read memory at its full rate, or always multiplied at its peak:
// for each step the longer of the two.
//
// A step reads the weights once, those of the output layer if it wants any
// logits, and once each block of the KV cache that its rows see. Its rows need
// products with the weights they go through, and their attention with every
// position they see. Caches may hold what a step reads, so that a model which
// fits into them can be faster than this.
type Roofline struct {
	WeightBytes     int64   `json:"weight_bytes"`
	CacheBytes      int64   `json:"kv_bytes"`
	Products        int64   `json:"products"`
	ReadSeconds     float64 `json:"read_seconds"`     // of all steps' reading
	MultiplySeconds float64 `json:"multiply_seconds"` // of all steps' products
	Seconds         float64 `json:"seconds"`          // of the longer one in each step
	Bound           string  `json:"bound"`            // the longer one of all: boundReading or boundMultiplying
	TokensPerSecond float64 `json:"tokens_per_second"`
	Share           float64 `json:"share"` // of TokensPerSecond that was reached: by the best round, of a load
}

const (
	boundReading     = "reading"
	boundMultiplying = "multiplying"
)

// rooflineOf is the roofline of a load of that many tokens, done in those steps.
func rooflineOf(w engine.Work, m *Machine, steps []engine.StepStats, tokens int) Roofline {
	var r Roofline
	for _, s := range steps {
		weights, cache, products := w.LayerBytes, int64(s.Blocks)*w.BlockBytes, int64(s.Tokens)*w.LayerProducts+s.Seen*w.SeenProducts
		if s.Logits > 0 {
			weights += w.OutputBytes
			products += int64(s.Logits) * w.OutputProducts
		}
		read := float64(weights+cache) / m.ReadRate
		multiply := float64(products) / m.MultiplyRate
		r.WeightBytes += weights
		r.CacheBytes += cache
		r.Products += products
		r.ReadSeconds += read
		r.MultiplySeconds += multiply
		r.Seconds += max(read, multiply)
	}
	r.Bound = boundReading
	if r.MultiplySeconds > r.ReadSeconds {
		r.Bound = boundMultiplying
	}
	if r.Seconds > 0 {
		r.TokensPerSecond = float64(tokens) / r.Seconds
	}
	return r
}
