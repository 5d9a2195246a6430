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

	masses []int64 // of the groups of kernel.GroupSize candidates; unknown: not added up yet
	total  int64   // of all groups, or unknown

	list     list // left over from other rows
	listHeat heat
}

const unknown = -1

// worthAList says whether the candidates of top_k are a list of that many ids,
// whose weights are computed, or the whole row. The weights at temperature 1 are
// there for all ids.
func worthAList(topK, vocab int, invT float32) bool {
	return topK <= kernel.GroupSize || invT != 1 && topK <= vocab/2
}

// filter returns what the filters keep of r.
func (r *Row) filter(p Params, invT float32) *kept {
	k := &r.kept
	p.Seed = 0
	if k.valid && k.params == p {
		return k
	}
	k.params = p
	byCount := p.TopK > 0 && p.TopK < len(r.logits)
	if byCount && worthAList(p.TopK, len(r.logits), invT) {
		k.takeList(r, p.TopK, invT)
	} else {
		k.takeAll(r, r.heat(invT))
		if byCount {
			k.first(&r.search, p.TopK)
		}
	}
	if p.TopP < 1 {
		k.nucleus(r, p.TopP, byCount, invT)
	}
	if p.MinP > 0 {
		k.least = leastWeight(p.MinP)
		k.forget()
	}
	k.valid = true // last: other weights end what was kept with the former
	return k
}

// takeAll makes all ids the candidates.
func (k *kept) takeAll(r *Row, h *heat) {
	k.logits, k.weights, k.ids = r.logits, h.weights, nil
	k.passAll()
}

// takeList makes the likeliest n ids the candidates.
func (k *kept) takeList(r *Row, n int, invT float32) {
	k.list.fill(r, n)
	k.listHeat.reset(k.list.logits, r.max, invT)
	k.logits, k.weights, k.ids = k.list.logits, k.listHeat.weights, k.list.ids
	k.passAll()
}

func (k *kept) passAll() {
	k.border, k.last, k.least = -math.MaxFloat32, len(k.logits)-1, 0
	k.forget()
}

// first keeps the likeliest n of all ids.
func (k *kept) first(s *search, n int) {
	e, _ := s.find(k.logits, nil, int64(len(k.logits)), int64(n))
	k.border, k.last = e.border, e.last(k.logits)
	k.forget()
}

// nucleus keeps the shortest prefix that has the part p of the mass: of what
// top_k kept or, if that is off, of all groups. If all that is kept has less, it
// stays as it is.
func (k *kept) nucleus(r *Row, p float64, byCount bool, invT float32) {
	var mass int64
	if byCount {
		mass = k.sum()
	} else {
		mass = totalMass(r.heat(invT).sums)
	}
	target := share(p, mass)
	if byCount && target > mass {
		return // of all candidates there might be enough
	}
	candidates := mass
	if byCount && k.ids == nil {
		candidates = totalMass(r.heat(invT).sums)
	}
	e, ok := r.search.find(k.logits, k.weights, candidates, target)
	if !ok {
		return
	}
	k.border, k.last = e.border, e.last(k.logits)
	k.forget()
	k.total = e.measure(target)
}

// keeps says whether the candidate at this place is kept.
func (k *kept) keeps(place int) bool {
	x := k.logits[place]
	return (x > k.border || x == k.border && place <= k.last) && k.weights[place] >= k.least
}

// mass is the mass of what is kept of the candidates at these places.
func (k *kept) mass(from, to int) int64 {
	middle := min(max(from, k.last+1), to)
	return kernel.MassFrom(k.logits[from:middle], k.weights[from:middle], k.border, k.least) +
		kernel.MassFrom(k.logits[middle:to], k.weights[middle:to], kernel.Above(k.border), k.least)
}

// groupMass is the mass of a group. A draw needs those of some groups only, so
// that each is added up when it is asked for.
func (k *kept) groupMass(group int) int64 {
	if k.masses[group] == unknown {
		from := group * kernel.GroupSize
		k.masses[group] = k.mass(from, min(from+kernel.GroupSize, len(k.logits)))
	}
	return k.masses[group]
}

// sum is the mass of all groups.
func (k *kept) sum() int64 {
	if k.total == unknown {
		k.total = 0
		for g := range k.masses {
			k.total += k.groupMass(g)
		}
	}
	return k.total
}

// forget drops the masses, after a change of what is kept.
func (k *kept) forget() {
	k.masses, k.total = sized(k.masses, kernel.Groups(len(k.logits))), unknown
	for g := range k.masses {
		k.masses[g] = unknown
	}
}

// groupAt is the group of a place in the total mass, and the place in the
// group's. It is looked for from the nearer end.
func (k *kept) groupAt(place int64) (group int, rest int64) {
	total := k.sum()
	if place < total/2 {
		for place >= k.groupMass(group) {
			place -= k.groupMass(group)
			group++
		}
		return group, place
	}
	group, rest = len(k.masses), place-total // negative: so far before the end of the group
	for rest < 0 {
		group--
		rest += k.groupMass(group)
	}
	return group, rest
}

// draw finds u's place among the masses, in rising order of ids: the group, then
// the part of it, then the id.
func (k *kept) draw(u uint64) int32 {
	const part = 64
	group, rest := k.groupAt(scaled(u, k.sum()))
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
