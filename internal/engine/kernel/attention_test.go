package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// cacheOf stores keys and values of n positions in fresh blocks.
func cacheOf(l KVLayout, keys, values [][]float32) [][]byte {
	var blocks [][]byte
	for pos := range keys {
		if pos%BlockPositions == 0 {
			blocks = append(blocks, AlignedBytes(l.HeadBytes()))
		}
		l.Store(blocks[pos/BlockPositions], pos%BlockPositions, keys[pos], values[pos])
	}
	return blocks
}

func randomVectors(r *rand.Rand, n, dim int, scale float64) [][]float32 {
	v := make([][]float32, n)
	for i := range v {
		v[i] = make([]float32, dim)
		for j := range v[i] {
			v[i][j] = float32(r.NormFloat64() * scale)
		}
	}
	return v
}

func naiveAttention(q []float32, keys, values [][]float32) []float64 {
	weights := make([]float64, len(keys))
	top := math.Inf(-1)
	for i, k := range keys {
		for d := range q {
			weights[i] += float64(q[d]) * float64(k[d])
		}
		top = max(top, weights[i])
	}
	out := make([]float64, len(q))
	var sum float64
	for i := range weights {
		w := math.Exp(weights[i] - top)
		sum += w
		for d := range out {
			out[d] += w * float64(values[i][d])
		}
	}
	for d := range out {
		out[d] /= sum
	}
	return out
}

func TestAttentionIsSoftmaxQKV(t *testing.T) { atEveryLevel(t, attentionIsSoftmaxQKV) }

func attentionIsSoftmaxQKV(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, dim := range []int{16, 64, 80} {
		l := NewKVLayout(dim)
		for _, n := range []int{1, 2, 16, 17, 31, 32, 33, 100, 511, 512, 513, 1100} {
			keys, values := randomVectors(r, n, dim, 1), randomVectors(r, n, dim, 1)
			q := randomVectors(r, 1, dim, 0.5)[0]
			planes := NewPlanes(1, dim)
			planes.Split(0, q)
			got := make([]float32, dim)
			NewAttention(l).Attend(planes, 0, 1, n-1, 1, cacheOf(l, keys, values), nil, func(int) []float32 { return got })
			for d, want := range naiveAttention(q, keys, values) {
				if math.Abs(float64(got[d])-want) > 1e-4 {
					t.Fatalf("dim %d, %d positions, output %d: got %v, want %v", dim, n, d, got[d], want)
				}
			}
		}
	}
}

// TestAttentionBitsDoNotDependOnChunks computes the rows of 600 positions, two
// query heads each, in chunks of several sizes, with all later keys already in
// the cache and with none of them.
func TestAttentionBitsDoNotDependOnChunks(t *testing.T) {
	atEveryLevel(t, attentionBitsDoNotDependOnChunks)
}

func attentionBitsDoNotDependOnChunks(t *testing.T) {
	const n, dim, heads = 600, 64, 2
	r := rand.New(rand.NewPCG(6, 6))
	l := NewKVLayout(dim)
	keys, values := randomVectors(r, n, dim, 2), randomVectors(r, n, dim, 1)
	q := NewPlanes(n*heads, dim)
	for i, x := range randomVectors(r, n*heads, dim, 0.5) {
		q.Split(i, x)
	}
	full := cacheOf(l, keys, values)
	want := make([][]float32, n*heads)
	a := NewAttention(l)
	for i := range want {
		want[i] = make([]float32, dim)
		pos := i / heads
		a.Attend(q, i, 1, pos, 1, cacheOf(l, keys[:pos+1], values[:pos+1]), nil, func(int) []float32 { return want[i] })
	}
	for _, chunk := range []int{1, 3, 16, 24} {
		for at := 0; at < n; at += chunk {
			c := min(chunk, n-at)
			got := make([][]float32, c*heads)
			for i := range got {
				got[i] = make([]float32, dim)
			}
			a.Attend(q, at*heads, c*heads, at, heads, full, full[min(1, len(full)):], func(i int) []float32 { return got[i] })
			for i := range got {
				sameBits(t, fmt.Sprintf("chunk %d, row %d", chunk, at*heads+i), got[i], want[at*heads+i])
			}
		}
	}
}

func BenchmarkAttention(b *testing.B) {
	const dim, heads = 64, 3
	r := rand.New(rand.NewPCG(7, 7))
	l := NewKVLayout(dim)
	for _, n := range []int{128, 1000, 8000} {
		blocks := cacheOf(l, randomVectors(r, n, dim, 1), randomVectors(r, n, dim, 1))
		for _, rows := range []int{1, 16} {
			q := NewPlanes(rows*heads, dim)
			for i, x := range randomVectors(r, rows*heads, dim, 0.5) {
				q.Split(i, x)
			}
			out := make([]float32, dim)
			a := NewAttention(l)
			b.Run(fmt.Sprintf("context=%d/rows=%d", n, rows), func(b *testing.B) {
				b.SetBytes(int64(len(blocks) * l.HeadBytes()))
				best := time.Duration(math.MaxInt64)
				for b.Loop() {
					started := time.Now()
					a.Attend(q, 0, rows*heads, n-rows, heads, blocks, blocks, func(int) []float32 { return out })
					best = min(best, time.Since(started))
				}
				products := float64(rows * heads * n * dim * 2 * 3)
				b.ReportMetric(float64(b.N)*products/b.Elapsed().Seconds()/1e9, "Gmac/s")
				b.ReportMetric(products/best.Seconds()/1e9, "Gmac/s-at-best") // beside neighbours
			})
		}
	}
}
