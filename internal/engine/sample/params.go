package sample

import (
	"fmt"
	"math"

	"tinsmith.example/internal/engine/kernel"
)

// Params says how a token is drawn from a row of logits. The zero value is not
// useful: TopP must be set.
type Params struct {
	// Temperature divides the logits: finite and >= 0. 0 is greedy: the
	// likeliest id, the lower one of equals; filters and seed do not matter.
	Temperature float64
	// TopK keeps the TopK likeliest ids: >= 0. 0 keeps all.
	TopK int
	// TopP keeps the fewest likeliest ids that have TopP of the probability
	// that TopK left: 0 < TopP <= 1. 1 keeps all.
	TopP float64
	// MinP drops, after TopK and TopP, the ids whose probability is below
	// MinP times the likeliest id's: 0 <= MinP <= 1. 0 drops none.
	MinP float64
	// Seed is the generator's key. All values are good.
	Seed uint64
}

// mustBeValid panics unless p is as its fields say. Requests are checked by
// package engine; what is wrong here is our own mistake.
func (p Params) mustBeValid() {
	if !(p.Temperature >= 0) || math.IsInf(p.Temperature, 1) || p.TopK < 0 ||
		!(p.TopP > 0 && p.TopP <= 1) || !(p.MinP >= 0 && p.MinP <= 1) {
		panic(fmt.Sprintf("sample: bad parameters: %+v", p))
	}
}

// The range of inverseTemperature. Within it no product with a difference of
// logits is NaN: not 0 times an overflowed difference, nor infinity times 0.
const (
	minInverse = 0x1p-126
	maxInverse = math.MaxFloat32
)

// inverseTemperature is 1/t, t > 0, as the factor of the logits.
func inverseTemperature(t float64) float32 {
	return float32(min(max(1/t, minInverse), maxInverse))
}

// leastWeight is the smallest float32 that is at least minP: a weight is below
// the one if and only if it is below the other.
func leastWeight(minP float64) float32 {
	least := float32(minP)
	if float64(least) < minP {
		least = kernel.Above(least)
	}
	return least
}
