package kernel

import (
	"math/rand/v2"
	"testing"
)

var forms = []form{formFloats, formQuads, formTileRows}

// values is what p holds, [rows, blocks, 2, 32], in whatever form.
func (p *Planes) values() []float32 {
	var all []float32
	var planes [planeValues]float32
	for at := 0; at < len(p.data)/formFloats.bytes(); at++ {
		p.form.get(&planes, p.blocks(at, 1))
		all = append(all, planes[:]...)
	}
	return all
}

// TestFormsHoldTheSameValues: what is put into any form comes out of it, each
// value has a place of its own, and none lies outside the block.
func TestFormsHoldTheSameValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, f := range forms {
		for range 100 {
			var in, out [planeValues]float32
			for i := range in {
				in[i] = toBF16(activation(r))
			}
			block := AlignedBytes(f.bytes())
			f.put(block, &in)
			f.get(&out, block)
			sameBits(t, "", out[:], in[:])
		}
	}
}
