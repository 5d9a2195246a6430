package model

import "tinsmith.example/internal/engine/kernel"

// Work is what a step costs, whatever computes it: bytes of weights that it
// reads, and products that its rows need. A product is one multiplication of
// two bf16 values, so that a bf16 weight costs a row two: one for each plane.
type Work struct {
	LayerBytes, OutputBytes       int64 // of packed weights: of the layers, and of the output layer
	LayerProducts, OutputProducts int64 // of one row in them; the output layer's where its logits are wanted
	SeenProducts                  int64 // of a row's attention, for each position that it sees
	BlockBytes                    int64 // of the keys and values in one KV block
}

// cachedProducts are those of a cached value: hi and lo with its first plane, hi
// with its second (docs/arithmetic.md).
const cachedProducts = 3

// Work is what a step of the model costs.
func (m *Model) Work() Work {
	w := Work{
		OutputBytes:    int64(m.output.Bytes()),
		OutputProducts: matrixProducts(m.output),
		SeenProducts:   int64(m.Layers) * int64(m.Heads) * int64(m.HeadDim) * 2 * cachedProducts, // with a key and a value
		BlockBytes:     int64(m.BlockSize().Data),
	}
	for _, l := range m.layers {
		for _, matrix := range []*kernel.Matrix{l.q, l.k, l.v, l.o, l.gate, l.up, l.down} {
			w.LayerBytes += int64(matrix.Bytes())
			w.LayerProducts += matrixProducts(matrix)
		}
	}
	return w
}

func matrixProducts(m *kernel.Matrix) int64 {
	return int64(m.Format.Products()) * int64(m.N) * int64(m.K)
}
