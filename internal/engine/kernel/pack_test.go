package kernel

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// TestPackRefusesWhatIsNotFinite: one bad weight or scale among good ones is
// found, wherever it is, and the error says where.
func TestPackRefusesWhatIsNotFinite(t *testing.T) {
	half := func(bits uint16) []byte { return binary.LittleEndian.AppendUint16(nil, bits) }
	single := func(x float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)) }
	inf := float32(math.Inf(1))
	for _, tt := range []struct {
		format Format
		what   string
		at     int // byte of the row's second block
		bad    []byte
	}{
		{BF16Weights, "infinity", 6, half(0x7f80)},
		{BF16Weights, "NaN", 62, half(0xffc0)},
		{F16Weights, "infinity", 0, half(0xfc00)},
		{F16Weights, "NaN", 62, half(0x7e01)},
		{F32Weights, "infinity", 4, single(-inf)},
		{F32Weights, "NaN", 124, single(inf - inf)},
		{F32Weights, "a weight whose bf16 is infinite", 8, single(math.MaxFloat32)},
		{Q8_0, "a scale", 0, half(0x7c00)},
		{Q4_0, "a scale", 0, half(0x7e00)},
		{Q4_1, "a scale", 0, half(0xfc00)},
		{Q4_1, "a minimum", 2, half(0x7c00)},
	} {
		const blocks, output = 3, 17
		m, rows := randomMatrix(t, rand.New(rand.NewPCG(8, 8)), tt.format, 20, blocks*BlockK)
		copy(rows[output][tt.format.RawRowBytes(BlockK)+tt.at:], tt.bad)
		err := m.PackPanel(output/TileN, func(n int) []byte { return rows[n] })
		where, ok := errors.AsType[*WeightError](err)
		if !ok || *where != (WeightError{Output: output, K: BlockK}) {
			t.Errorf("%v with %s: got %v, want output %d, column %d", tt.format, tt.what, err, output, BlockK)
		}
		if err := m.PackPanel(0, func(n int) []byte { return rows[n] }); err != nil {
			t.Errorf("%v with %s: another panel: %v", tt.format, tt.what, err)
		}
	}
}
