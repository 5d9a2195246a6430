package model

import (
	"encoding/binary"
	"math"

	"tinsmith.example/internal/engine/kernel"
	"tinsmith.example/internal/weights/gguf"
)

// embedding looks up rows of the token embedding in the file's own bytes. Of a
// quantised row element k is float32(d*q), and with a minimum that plus m.
type embedding struct {
	tensor gguf.Tensor
}

// row writes token id's embedding, [dim], to dst.
func (e embedding) row(dst []float32, id int32) {
	raw := e.tensor.Row(int64(id))
	switch e.tensor.Type {
	case gguf.F32:
		for k := range dst {
			dst[k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:]))
		}
	case gguf.F16:
		for k := range dst {
			dst[k] = kernel.FromF16(binary.LittleEndian.Uint16(raw[2*k:]))
		}
	case gguf.BF16:
		for k := range dst {
			dst[k] = kernel.FromBF16(binary.LittleEndian.Uint16(raw[2*k:]))
		}
	case gguf.Q8_0:
		for b := 0; b*34 < len(raw); b++ {
			block := raw[b*34:]
			d := kernel.FromF16(binary.LittleEndian.Uint16(block))
			for i := range 32 {
				dst[b*32+i] = d * float32(int8(block[2+i]))
			}
		}
	case gguf.Q4_0:
		for b := 0; b*18 < len(raw); b++ {
			block := raw[b*18:]
			d := kernel.FromF16(binary.LittleEndian.Uint16(block))
			for i := range 32 {
				dst[b*32+i] = d * (float32(block[2+i%16]>>(i/16*4)&15) - 8)
			}
		}
	case gguf.Q4_1:
		for b := 0; b*20 < len(raw); b++ {
			block := raw[b*20:]
			d := kernel.FromF16(binary.LittleEndian.Uint16(block))
			m := kernel.FromF16(binary.LittleEndian.Uint16(block[2:]))
			for i := range 32 {
				dst[b*32+i] = float32(d*float32(block[4+i%16]>>(i/16*4)&15)) + m
			}
		}
	default:
		panic("model: embedding of an unchecked type")
	}
}

// finite says whether every weight is.
func (e embedding) finite() bool {
	row := make([]float32, e.tensor.RowLen())
	for id := range e.tensor.Rows() {
		e.row(row, int32(id))
		if !kernel.Finite(row) {
			return false
		}
	}
	return true
}

// canEmbed says whether row knows a type.
func canEmbed(t gguf.Type) bool {
	switch t {
	case gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q4_0, gguf.Q4_1:
		return true
	}
	return false
}
