package receipt

import "tinsmith.example/internal/wire"

// tensor is the JSON form of a [wire.Tensor]: its numbers are in Ints or, as
// bits, in Bits.
type tensor struct {
	DType       string   `json:"dtype"`
	Shape       []int64  `json:"shape"`
	CrowIndices []int64  `json:"sparse_crow_indices,omitzero"`
	ColIndices  []int64  `json:"sparse_col_indices,omitzero"`
	Ints        *[]int64 `json:"ints,omitzero"`
	Bits        *bits    `json:"bits,omitzero"`
}

func tensorOf(t *wire.Tensor) *tensor {
	if t == nil {
		return nil
	}
	out := &tensor{DType: t.DType, Shape: t.Shape, CrowIndices: t.CrowIndices, ColIndices: t.ColIndices}
	if t.DType == wire.Int64 {
		out.Ints = &t.Ints
	} else {
		out.Bits = (*bits)(&t.Floats)
	}
	return out
}

// wire returns the tensor, and refuses one that is not consistent.
func (t *tensor) wire(dtype string) (*wire.Tensor, error) {
	if t == nil {
		return nil, nil
	}
	if t.DType != dtype || (t.Ints != nil) != (dtype == wire.Int64) || (t.Bits != nil) != (dtype == wire.Float32) || t.Shape == nil {
		return nil, errorAt("", "want dtype %q, its shape and its numbers: ints of int64, bits of float32", dtype)
	}
	out := &wire.Tensor{DType: t.DType, Shape: t.Shape, CrowIndices: t.CrowIndices, ColIndices: t.ColIndices}
	if t.Ints != nil {
		out.Ints = *t.Ints
	} else {
		out.Floats = *t.Bits
	}
	if err := out.Check(); err != nil {
		return nil, errorAt("", "%w", err)
	}
	return out, nil
}
