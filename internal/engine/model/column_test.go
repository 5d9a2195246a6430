package model

import (
	"encoding/binary"

	"tinsmith.example/internal/engine/kernel"
)

func bf16Bytes(x float32) []byte { return binary.LittleEndian.AppendUint16(nil, kernel.BF16(x)) }

// firstColumn multiplies the matrix with the first unit vector.
func firstColumn(m *kernel.Matrix) []float32 {
	x := make([]float32, m.K)
	x[0] = 1
	planes := kernel.NewPlanes(1, m.K)
	planes.Split(0, x)
	out := make([]float32, m.PaddedN())
	for p := range m.Panels {
		m.MulPanels(kernel.NewScratch(), out, m.PaddedN(), planes, 1, p, 1)
	}
	return out[:m.N]
}
