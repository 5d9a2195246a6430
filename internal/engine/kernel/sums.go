package kernel

import "math"

// GroupSize is how many consecutive ids share one partial sum of ExpSums.
const GroupSize = 1024

// Groups is how many partial sums a row of n logits has.
func Groups(n int) int { return (n + GroupSize - 1) / GroupSize }

// maxGeneric is the largest element of x. With a NaN in x the result is NaN
// or not; what depends on it must check its inputs by other means.
func maxGeneric(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

// Max is the largest element of x, -Inf for none; a zero result is +0. NaN is
// not looked for: see [Finite].
func Max(x []float32) float32 {
	m := maxOf(x)
	if m == 0 {
		return 0
	}
	return m
}

// Finite says whether no element of x is NaN or infinite.
func Finite(x []float32) bool { return finite(x) }

func finiteGeneric(x []float32) bool {
	for _, v := range x {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return false
		}
	}
	return true
}

// ExpSums computes weights[i] = Exp(float32((logits[i]-max)*invT)) and their
// sums by group: sums[g] is the sum over ids g*1024 to g*1024+1023. weights may
// be nil; else it is as long as logits. len(sums) is Groups(len(logits)).
// Order: lane l of 16 adds the ids that are l modulo 16, rising, from +0; then
// the lanes are folded in halves.
func ExpSums(sums, weights, logits []float32, max, invT float32) {
	if len(sums) != Groups(len(logits)) || weights != nil && len(weights) != len(logits) {
		panic("kernel: ExpSums: lengths do not match")
	}
	for g := expGroups(sums, weights, logits, max, invT); g < len(sums); g++ {
		lo, hi := g*GroupSize, min((g+1)*GroupSize, len(logits))
		var w []float32
		if weights != nil {
			w = weights[lo:hi]
		}
		sums[g] = expSum(w, logits[lo:hi], max, invT)
	}
}

func expSumGeneric(weights, logits []float32, max, invT float32) float32 {
	var lanes [16]float32
	expLanes(&lanes, weights, logits, max, invT)
	return fold(&lanes)
}

// expLanes adds the weights of logits to their lanes, from lane 0 on.
func expLanes(lanes *[16]float32, weights, logits []float32, max, invT float32) {
	for i, x := range logits {
		w := Exp(float32((x - max) * invT))
		if weights != nil {
			weights[i] = w
		}
		lanes[i&15] += w
	}
}
