package sample

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
)

// goldenRow is n logits that can be made again anywhere: logit i is the first
// word of Philox4x32-10 with counter (i, 0, 0, 0) and key (1, n), as a signed
// integer w, made into float32(w >> 8) / 2^20; it lies within -8 to 8.
func goldenRow(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		w := philox([4]uint32{uint32(i)}, [2]uint32{1, uint32(n)})[0]
		x[i] = float32(int32(w)>>8) / (1 << 20)
	}
	return x
}

// These values are part of the rule (docs/sampling.md lists the first tokens).
// Should this test fail, then seeds no longer give what they gave: the code is
// wrong, not the test.
func TestSeedsGiveWhatTheyAlwaysGave(t *testing.T) {
	for _, tt := range []struct {
		vocab int
		p     Params
		ids   []int32 // sample 0, positions 0 to 7
		hash  string  // of 4 samples of 100 tokens: ids and bits of log probabilities, little endian
	}{
		{100, Params{Temperature: 1, TopP: 1, Seed: 42}, []int32{28, 17, 45, 45, 70, 17, 57, 18}, "5f00c68b3559b4d8"},
		{5000, Params{Temperature: 0, TopP: 1, Seed: 42}, []int32{4697, 4697, 4697, 4697, 4697, 4697, 4697, 4697}, "42500b353aeb725c"},
		{5000, Params{Temperature: 1, TopP: 1, Seed: 42}, []int32{2290, 1634, 3288, 3374, 4111, 1484, 3730, 2015}, "4397555bb8eb6d68"},
		{49152, Params{Temperature: 1, TopP: 1, Seed: 42}, []int32{23300, 16326, 32421, 33075, 41270, 14550, 36624, 20343}, "4cca4348dfb8ccde"},
		{49152, Params{Temperature: 0.7, TopP: 1, Seed: 1 << 63}, []int32{25150, 7847, 45156, 11877, 18938, 38723, 23783, 26836}, "99b7b69dc05183e8"},
		{49152, Params{Temperature: 1, TopK: 50, TopP: 1, Seed: 42}, []int32{22620, 18701, 32803, 34079, 42719, 14913, 39109, 21666}, "caf86c2b43fbdffb"},
		{49152, Params{Temperature: 1, TopP: 0.9, Seed: 42}, []int32{23300, 16344, 32393, 33075, 41278, 14556, 36624, 20357}, "9a63ea01299a8ac1"},
		{49152, Params{Temperature: 0.25, TopK: 100, TopP: 0.75, Seed: 42}, []int32{25897, 18701, 35043, 35959, 42719, 14913, 39109, 21724}, "c0b536d5cbe3bddd"},
		{49152, Params{Temperature: 1, TopP: 1, MinP: 0.1, Seed: 42}, []int32{23311, 16344, 32421, 33077, 41284, 14531, 36649, 20362}, "3ca2deeca292fdf3"},
		{49152, Params{Temperature: 1.5, TopK: 5000, TopP: 0.95, MinP: 0.02, Seed: 1 << 63}, []int32{25087, 7837, 45055, 11810, 18976, 38592, 23688, 26715}, "251d5827fe29ef96"},
	} {
		x := goldenRow(tt.vocab)
		r := at(t, x)
		var ids []int32
		h := sha256.New()
		for index := range uint32(4) {
			for position := range uint32(100) {
				id := r.Draw(tt.p, index, position)
				if index == 0 && position < 8 {
					ids = append(ids, id)
				}
				var b []byte
				b = binary.LittleEndian.AppendUint32(b, uint32(id))
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.Logprob(id)))
				h.Write(b)
			}
		}
		hash := fmt.Sprintf("%x", h.Sum(nil)[:8])
		if !slices.Equal(ids, tt.ids) || hash != tt.hash {
			t.Errorf("%d logits, %+v:\n got %#v, %q\nwant %#v, %q", tt.vocab, tt.p, ids, hash, tt.ids, tt.hash)
		}
	}
}
