package tinymodel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"tinsmith.example/internal/weights/gguf"
)

// tensors makes the weights. The output layer is the embedding, as in the
// default model.
func tensors(seed uint64) []gguf.Tensor {
	r := rand.NewPCG(seed, 0x74696e79) // its sequence is fixed by its definition
	all := []gguf.Tensor{matrix(r, "token_embd.weight", Dim, VocabSize, 0.45)}
	for layer := range Layers {
		name := func(part string) string { return fmt.Sprintf("blk.%d.%s.weight", layer, part) }
		all = append(all,
			norm(r, name("attn_norm")),
			matrix(r, name("attn_q"), Dim, Dim, 0.4),
			matrix(r, name("attn_k"), Dim, KVHeads*HeadDim, 0.4),
			matrix(r, name("attn_v"), Dim, KVHeads*HeadDim, 0.3),
			matrix(r, name("attn_output"), Dim, Dim, 0.3),
			norm(r, name("ffn_norm")),
			matrix(r, name("ffn_gate"), Dim, HiddenDim, 0.3),
			matrix(r, name("ffn_up"), Dim, HiddenDim, 0.3),
			matrix(r, name("ffn_down"), HiddenDim, Dim, 0.2),
		)
	}
	return append(all, norm(r, "output_norm.weight"))
}

// matrix is a BF16 tensor [out, in], its values even over [-spread, spread].
func matrix(r *rand.PCG, name string, in, out int, spread float32) gguf.Tensor {
	data := make([]byte, 0, 2*in*out)
	for range in * out {
		data = binary.LittleEndian.AppendUint16(data, bf16(unit(r)*spread))
	}
	return gguf.Tensor{Name: name, Type: gguf.BF16, Shape: []int64{int64(in), int64(out)}, Data: data}
}

// norm is an F32 tensor [Dim] of values near 1.
func norm(r *rand.PCG, name string) gguf.Tensor {
	data := make([]byte, 0, 4*Dim)
	for range Dim {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(1+unit(r)/8)) // exact: no rounding, fused or not
	}
	return gguf.Tensor{Name: name, Type: gguf.F32, Shape: []int64{Dim}, Data: data}
}

// unit is a multiple of 2^-15 in [-1, 1).
func unit(r *rand.PCG) float32 {
	return float32(int32(r.Uint64()>>48)-1<<15) / (1 << 15)
}

// bf16 rounds a finite x to the nearest bfloat16, of two the even one.
func bf16(x float32) uint16 {
	bits := math.Float32bits(x)
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
