package sample

import (
	"math"

	"tinsmith.example/internal/engine/kernel"
)

// kept is what the filters keep of a row: of some candidates, in rising order of
// ids, those down to a place in the order of ranks, and of these the ones with a
// weight that min_p lets pass.
type kept struct {
	valid  bool
	params Params // that it is for, without the seed

	logits  []float32 // of the candidates
	weights []float32
	ids     []int32 // nil: all ids, each at its own place

	border float32 // larger logits pass, and equal ones
	last   int     // up to this place
	least  float32 // weights from this on pass

	masses []int64 // of what is kept, by kernel.GroupSize candidates
	total  int64   // the sum of masses

	list        list // left over from other rows
	listWeights []float32
}

// listAtMost is up to which top_k the candidates are a list of that many ids.
// Above, they are the whole row, whose weights are worth computing then.
const listAtMost = kernel.GroupSize

// filter returns what the filters keep of r.
func (r *Row) filter(p Params, invT float32) *kept {
	k := &r.kept
	p.Seed = 0
	if k.valid && k.params == p {
		return k
	}
	k.valid, k.params = true, p
	byCount := p.TopK > 0 && p.TopK < len(r.logits)
	if byCount && p.TopK <= listAtMost {
		k.takeList(r, p.TopK, invT)
	} else {
		k.takeAll(r, r.heat(invT))
		if byCount {
			k.cut(&r.search, nil, int64(len(r.logits)), int64(p.TopK))
		}
	}
	if p.TopP < 1 {
		var total int64
		if byCount {
			total = k.mass(0, len(k.logits))
		} else {
			total = totalMass(r.heat(invT).sums)
		}
		if target := share(p.TopP, total); !byCount || target <= total {
			k.cut(&r.search, k.weights, total, target)
		}
	}
	k.least = leastWeight(p.MinP)
	k.add()
	return k
}

// takeAll makes all ids the candidates.
func (k *kept) takeAll(r *Row, h *heat) {
	k.logits, k.weights, k.ids = r.logits, h.weights, nil
	k.passAll()
}

// takeList makes the likeliest n ids the candidates, 1 <= n <= listAtMost.
func (k *kept) takeList(r *Row, n int, invT float32) {
	k.list.fill(r, n)
	k.listWeights = sized(k.listWeights, n)
	var ignored [1]float32
	kernel.ExpSums(ignored[:], k.listWeights, k.list.logits, r.max, invT)
	k.logits, k.weights, k.ids = k.list.logits, k.listWeights, k.list.ids
	k.passAll()
}

func (k *kept) passAll() {
	k.border, k.last, k.least = -math.MaxFloat32, len(k.logits)-1, 0
}

// cut keeps the shortest prefix of the candidates that measures target, or all
// that is kept so far if none does. weights and total are as for search.find.
func (k *kept) cut(s *search, weights []float32, total, target int64) {
	if border, rest, ok := s.find(k.logits, weights, total, target); ok {
		k.border, k.last = border, placeIn(k.logits, weights, border, rest)
	}
}

// mass is the mass of what is kept of the candidates at these places.
func (k *kept) mass(from, to int) int64 {
	middle := min(max(from, k.last+1), to)
	return kernel.MassFrom(k.logits[from:middle], k.weights[from:middle], k.border, k.least) +
		kernel.MassFrom(k.logits[middle:to], k.weights[middle:to], kernel.Above(k.border), k.least)
}

// keeps says whether the candidate at this place is kept.
func (k *kept) keeps(place int) bool {
	x := k.logits[place]
	return (x > k.border || x == k.border && place <= k.last) && k.weights[place] >= k.least
}

// add adds up the masses.
func (k *kept) add() {
	k.masses, k.total = sized(k.masses, kernel.Groups(len(k.logits))), 0
	for g := range k.masses {
		from := g * kernel.GroupSize
		k.masses[g] = k.mass(from, min(from+kernel.GroupSize, len(k.logits)))
		k.total += k.masses[g]
	}
}

// draw finds u's place among the masses, in rising order of ids: the group, then
// the part of it, then the id.
func (k *kept) draw(u uint64) int32 {
	const part = 64
	rest := scaled(u, k.total)
	group := 0
	for rest >= k.masses[group] {
		rest -= k.masses[group]
		group++
	}
	place := group * kernel.GroupSize
	for {
		m := k.mass(place, min(place+part, len(k.logits)))
		if rest < m {
			break
		}
		rest -= m
		place += part
	}
	for ; ; place++ {
		if k.keeps(place) {
			m := kernel.Mass(k.weights[place])
			if rest < m {
				break
			}
			rest -= m
		}
	}
	if k.ids != nil {
		return k.ids[place]
	}
	return int32(place)
}
