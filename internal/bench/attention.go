package bench

import (
	"context"
	"math/rand/v2"

	"tinsmith.example/internal/bench/machine"
	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/engine/kernel"
)

// attentionContexts are the contexts at which attention is measured, in
// positions.
var attentionContexts = []int{128, 1000, 8000}

// measureAttention runs attention by itself, on every thread with a cache of its
// own: at each context for one position's query heads, as in sampling, and for
// as many as one call takes, as in prefill.
func measureAttention(ctx context.Context, info *engine.Info, m *Machine, note func(a *Attention)) ([]Attention, error) {
	var all []Attention
	group := info.Heads / info.KVHeads
	for _, positions := range attentionContexts {
		for _, rows := range []int{group, kernel.MaxAttentionRows / group * group} {
			workers := make([]*attentionWorker, m.Threads)
			for w := range workers {
				workers[w] = newAttentionWorker(info.HeadDim, positions, rows, group)
			}
			rate, err := machine.Rate(ctx, m.Threads, func(w int) float64 { workers[w].attend(); return 1 })
			if err != nil {
				return nil, err
			}
			a := Attention{Positions: positions, Rows: rows, RowRate: rate * float64(rows), MultiplyRate: rate * workers[0].products()}
			a.Share = a.MultiplyRate / m.MultiplyRate
			note(&a)
			all = append(all, a)
		}
	}
	return all, nil
}

// An attentionWorker is one thread's: the last rows/group positions of one
// sequence, for the group of query heads that share one head's keys and values.
type attentionWorker struct {
	attention *kernel.Attention
	headDim   int
	rows      int
	group     int
	first     int // position of row 0
	queries   *kernel.Planes
	blocks    [][]byte
	out       []float32 // [rows, headDim]
}

func newAttentionWorker(headDim, positions, rows, group int) *attentionWorker {
	r := rand.New(rand.NewPCG(1, 2))
	// The queries have the form that the engine gives them, for many rows.
	layout := kernel.NewKVLayout(headDim)
	a := &attentionWorker{
		attention: kernel.NewAttention(layout), headDim: headDim, rows: rows, group: group,
		first: positions - rows/group, queries: kernel.NewPlanes(kernel.MaxAttentionRows, headDim), out: make([]float32, rows*headDim),
	}
	vector := make([]float32, headDim)
	random := func() []float32 {
		for i := range vector {
			vector[i] = float32(r.NormFloat64())
		}
		return vector
	}
	for i := range rows {
		a.queries.Split(i, random())
	}
	for pos := range positions {
		if pos%kernel.BlockPositions == 0 {
			a.blocks = append(a.blocks, kernel.AlignedBytes(layout.HeadBytes()))
		}
		layout.Store(a.blocks[pos/kernel.BlockPositions], pos%kernel.BlockPositions, random(), vector)
	}
	return a
}

func (a *attentionWorker) attend() {
	a.attention.Attend(a.queries, 0, a.rows, a.first, a.group, a.blocks, a.blocks, func(i int) []float32 { return a.out[i*a.headDim:] })
}

// products is how many one call needs: three for each dimension of every key and
// every value that a row sees (docs/arithmetic.md, "Linear layer", two planes).
func (a *attentionWorker) products() float64 {
	seen := 0
	for i := range a.rows {
		seen += a.first + i/a.group + 1
	}
	return float64(seen) * float64(a.headDim) * 2 * 3
}
