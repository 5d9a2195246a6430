package sample

import (
	"math"
	"math/bits"
	"slices"

	"tinsmith.example/internal/engine/kernel"
)

// Ids are ranked by their logits, the largest first, of equals the lower id
// first. Every filter keeps the first so and so many ids of that order: a
// prefix. A selection finds prefixes without sorting: it gathers the ids above
// some logit, which are a prefix that is long enough, and shortens it by
// counting in buckets.
type selection struct {
	ids    []int32   // rising
	masses []int64   // [len(ids)] what a prefix is measured in: masses, or 1 each
	logits []float32 // [len(ids)], until keep
	depths []uint32  // [len(ids)], until keep: how far below the row's maximum, see depth

	weights, sums []float32 // left over from weigh
	order         []uint64  // left over from TopK

	buckets [1 << bucketBits]int64
}

const bucketBits = 11

// sampleStride is which part of the ids is looked at to guess how far down the
// likeliest ones reach. A row of fewer than sampleStride^2 is gathered whole.
const sampleStride = 64

// A cut is the last id of a prefix.
type cut struct {
	depth uint32
	id    int32
}

// depth maps finite float32 values to integers in the opposite order, -0 and
// +0 to the same one. It has no branch, since signs are hard to predict.
func depth(x float32) uint32 {
	b := math.Float32bits(x)
	negative := uint32(int32(b) >> 31) // all ones or none
	// The bits of a negative float rise as it falls, from 1<<31 for -0; those
	// of others are inverted, from 1<<31-1 for +0 down. Adding -1 to the former
	// brings -0 and +0 together.
	return (b ^ (1<<31-1)&^negative) + negative
}

// gather selects the ids whose logit is at least floor.
func (s *selection) gather(logits []float32, floor float32) {
	const step = 8
	ids, n := sized(s.ids, len(logits)), 0
	i := 0
	for ; i+step <= len(logits); i += step {
		x := (*[step]float32)(logits[i:])
		if x[0] >= floor || x[1] >= floor || x[2] >= floor || x[3] >= floor ||
			x[4] >= floor || x[5] >= floor || x[6] >= floor || x[7] >= floor {
			n += gatherStep(ids[n:], x[:], int32(i), floor)
		}
	}
	n += gatherStep(ids[n:], logits[i:], int32(i), floor)
	s.ids = ids[:n]
}

// gatherStep writes those ids from first on whose logit is at least floor and
// returns how many they are. It writes every id, without a branch, and then
// moves on or not. len(ids) >= len(logits).
func gatherStep(ids []int32, logits []float32, first int32, floor float32) int {
	n := 0
	for i, x := range logits {
		ids[n] = first + int32(i)
		if x >= floor {
			n++
		}
	}
	return n
}

// measureByCount fetches the logits of the ids, each of which counts 1.
func (s *selection) measureByCount(r *Row) {
	s.fetch(r)
	for i := range s.masses {
		s.masses[i] = 1
	}
}

// weigh fetches the logits of the ids and their masses at a temperature, and
// returns the sum of these.
func (s *selection) weigh(r *Row, invT float32) (total int64) {
	s.fetch(r)
	s.weights = sized(s.weights, len(s.ids))
	s.sums = sized(s.sums, kernel.Groups(len(s.ids)))
	kernel.ExpSums(s.sums, s.weights, s.logits, r.max, invT)
	for i, w := range s.weights {
		s.masses[i] = mass(w)
		total += s.masses[i]
	}
	return total
}

func (s *selection) fetch(r *Row) {
	n := len(s.ids)
	s.logits, s.depths, s.masses = sized(s.logits, n), sized(s.depths, n), sized(s.masses, n)
	top := depth(r.max)
	for i, id := range s.ids {
		x := r.logits[id]
		s.logits[i] = x
		s.depths[i] = depth(x) - top
	}
}

// likeliest selects the first k ids of the order: 1 <= k <= len(r.logits).
func (s *selection) likeliest(r *Row, k int) {
	s.gather(r.logits, s.guess(r, k))
	if len(s.ids) < k {
		s.gather(r.logits, -math.MaxFloat32)
	}
	s.measureByCount(r)
	s.keep(s.shortest(int64(k)))
}

// guess returns a logit that most likely k ids reach, and not many more: one
// of the likeliest of every sampleStride-th id. What is selected in the end
// does not depend on it.
func (s *selection) guess(r *Row, k int) float32 {
	expected := k / sampleStride
	wanted := expected + 3*int(math.Sqrt(float64(expected))) + 6
	if len(r.logits) < sampleStride*sampleStride || wanted > len(r.logits)/sampleStride/2 {
		return -math.MaxFloat32
	}
	s.ids = s.ids[:0]
	for id := 0; id < len(r.logits); id += sampleStride {
		s.ids = append(s.ids, int32(id))
	}
	s.measureByCount(r)
	return r.logits[s.shortest(int64(wanted)).id]
}

// nucleus selects the shortest prefix that has the part p of the mass of all
// groups, or all ids if rounding makes them fall short of it, and returns the
// prefix's mass. sums are the group sums of the weights.
//
// The ids with a weight below (1-p)*Z/n cannot have more than 1-p of the mass Z
// if they are at most n. Usually few ids have a weight worth speaking of, so a
// small n is tried first, and larger ones until it holds. What is selected in
// the end does not depend on that.
func (s *selection) nucleus(r *Row, p float64, sums []float32, invT float32) (total int64) {
	target := share(p, totalMass(sums))
	z := 0.0
	for _, sum := range sums {
		z += float64(sum)
	}
	for n := 256; ; n *= 16 {
		floor := float32(-math.MaxFloat32)
		if n < 16*len(r.logits) {
			logWeight := min(kernel.Log((1-p)*z/float64(n)), 0)
			floor = max(floor, r.max+float32(float32(logWeight)/invT))
		}
		s.gather(r.logits, floor)
		if s.weigh(r, invT) >= target || floor == -math.MaxFloat32 {
			return s.keep(s.shortest(target))
		}
	}
}

// shortest returns where the shortest prefix ends whose masses sum to target
// or more, and the last id of the order if all of them do not. There must be
// ids. Each round counts one part of the depths in buckets, and looks closer
// at the bucket in which target is reached.
func (s *selection) shortest(target int64) cut {
	low, last := uint32(0), slices.Max(s.depths) // target is reached within low to low+last
	var before int64                             // mass of all depths below low
	for {
		shift := max(bits.Len32(last)-bucketBits, 0)
		clear(s.buckets[:])
		for i, d := range s.depths {
			if d -= low; d <= last { // smaller ones wrap around
				s.buckets[d>>shift&(1<<bucketBits-1)] += s.masses[i]
			}
		}
		final := last >> shift
		bucket := uint32(0)
		for bucket < final && before+s.buckets[bucket] < target {
			before += s.buckets[bucket]
			bucket++
		}
		low += bucket << shift
		if shift == 0 {
			return s.lastAt(low, target-before)
		}
		last = min(1<<shift-1, last-bucket<<shift)
	}
}

// lastAt returns the id of this depth at which target is reached, in rising
// order, or the last one.
func (s *selection) lastAt(depth uint32, target int64) cut {
	end := cut{depth: depth, id: -1}
	for i, d := range s.depths {
		if d != depth {
			continue
		}
		end.id = s.ids[i]
		if target -= s.masses[i]; target <= 0 {
			break
		}
	}
	return end
}

// keep drops the ids after end and returns the mass of the others. Only ids and
// masses are right afterwards.
func (s *selection) keep(end cut) (total int64) {
	n, last := 0, rank(end.depth, end.id)
	for i, d := range s.depths {
		id, m := s.ids[i], s.masses[i]
		s.ids[n], s.masses[n] = id, m
		if rank(d, id) <= last {
			n++
			total += m
		}
	}
	s.ids, s.masses = s.ids[:n], s.masses[:n]
	return total
}

// rank is an integer that rises in the order of ranks.
func rank(depth uint32, id int32) uint64 { return uint64(depth)<<32 | uint64(id) }

// draw finds u's place among the masses, whose sum is total, in rising order
// of ids.
func (s *selection) draw(u uint64, total int64) int32 {
	place := scaled(u, total)
	for i, m := range s.masses {
		if place < m {
			return s.ids[i]
		}
		place -= m
	}
	panic("sample: a place beyond the selection")
}
