package sample

import (
	"cmp"
	"math"
	"math/big"
	"slices"

	"tinsmith.example/internal/engine/kernel"
)

// referenceDraw is docs/sampling.md read aloud: everything sorted, nothing
// guessed, no kernel, big integers. It returns the ids that the filters keep,
// in the order of ranks, and the drawn one.
func referenceDraw(logits []float32, p Params, sampleIndex, position uint32) (kept []int32, drawn int32) {
	kept = ranked(logits)
	if p.Temperature == 0 {
		return kept[:1], kept[0]
	}
	m := logits[kept[0]]
	if m == 0 {
		m = 0 // not -0
	}
	weight := func(id int32) float32 {
		return kernel.Exp(float32((logits[id] - m) * inverseTemperature(p.Temperature)))
	}
	groups := make([]float32, kernel.Groups(len(logits)))
	kernel.ExpSums(groups, nil, logits, m, inverseTemperature(p.Temperature))
	u := new(big.Int).SetUint64(uniform(p.Seed, sampleIndex, position))

	filtered := p.TopP < 1
	total := new(big.Int)
	for _, sum := range groups {
		total.Add(total, floorBits(sum, 42))
	}
	if p.TopK > 0 && p.TopK < len(logits) {
		filtered = true
		kept = kept[:p.TopK]
		total = sumOf(kept, func(id int32) *big.Int { return floorBits(weight(id), 42) })
	}
	if p.TopP < 1 {
		f, _ := new(big.Float).SetInt(total).Float64()
		target, _ := big.NewFloat(math.Ceil(p.TopP * f)).Int(nil)
		have := new(big.Int)
		for i, id := range kept {
			if have.Add(have, floorBits(weight(id), 42)); have.Cmp(target) >= 0 {
				kept = kept[:i+1]
				break
			}
		}
	}
	if p.MinP > 0 {
		filtered = true
		kept = slices.DeleteFunc(kept, func(id int32) bool { return float64(weight(id)) < p.MinP })
	}
	if filtered {
		mass := func(id int32) *big.Int { return floorBits(weight(id), 42) }
		return kept, walk(slices.Sorted(slices.Values(kept)), mass, place(u, sumOf(kept, mass)))
	}

	rest := place(u, total)
	g := 0
	for ; rest.Cmp(floorBits(groups[g], 42)) >= 0; g++ {
		rest.Sub(rest, floorBits(groups[g], 42))
	}
	var ids []int32
	for id := 1024 * g; id < min(1024*(g+1), len(logits)); id++ {
		ids = append(ids, int32(id))
	}
	mass := func(id int32) *big.Int { return floorBits(weight(id), 53) }
	rest.Mul(rest, sumOf(ids, mass))
	rest.Div(rest, floorBits(groups[g], 42))
	return kept, walk(ids, mass, rest)
}

// ranked is all ids, by falling logit and then by rising id.
func ranked(logits []float32) []int32 {
	ids := make([]int32, len(logits))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortStableFunc(ids, func(a, b int32) int { return cmp.Compare(logits[b], logits[a]) })
	return ids
}

// floorBits is floor(w * 2^bits).
func floorBits(w float32, bits int) *big.Int {
	i, _ := new(big.Float).SetMantExp(big.NewFloat(float64(w)), bits).Int(nil)
	return i
}

func sumOf(ids []int32, mass func(int32) *big.Int) *big.Int {
	sum := new(big.Int)
	for _, id := range ids {
		sum.Add(sum, mass(id))
	}
	return sum
}

// place is floor(u * total / 2^64).
func place(u, total *big.Int) *big.Int {
	p := new(big.Int).Mul(u, total)
	return p.Rsh(p, 64)
}

func walk(ids []int32, mass func(int32) *big.Int, rest *big.Int) int32 {
	rest = new(big.Int).Set(rest)
	for _, id := range ids {
		if rest.Cmp(mass(id)) < 0 {
			return id
		}
		rest.Sub(rest, mass(id))
	}
	panic("a place beyond all ids")
}
