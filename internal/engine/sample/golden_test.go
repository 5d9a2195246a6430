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
		{100, Params{Temperature: 1, TopP: 1, Seed: 42}, nil, ""},
		{5000, Params{Temperature: 0, TopP: 1, Seed: 42}, nil, ""},
		{5000, Params{Temperature: 1, TopP: 1, Seed: 42}, nil, ""},
		{49152, Params{Temperature: 1, TopP: 1, Seed: 42}, nil, ""},
		{49152, Params{Temperature: 0.7, TopP: 1, Seed: 1 << 63}, nil, ""},
		{49152, Params{Temperature: 1, TopK: 50, TopP: 1, Seed: 42}, nil, ""},
		{49152, Params{Temperature: 1, TopP: 0.9, Seed: 42}, nil, ""},
		{49152, Params{Temperature: 0.25, TopK: 100, TopP: 0.75, Seed: 42}, nil, ""},
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
