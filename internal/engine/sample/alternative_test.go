package sample

import (
	"slices"
	"testing"
)

// As TestSeedsGiveWhatTheyAlwaysGave, for what is drawn at prompt positions.
func TestAlternativesAreWhatTheyAlwaysWere(t *testing.T) {
	r := at(t, goldenRow(49152))
	for _, tt := range []struct {
		temperature float64
		ids         []int32 // draws 0 to 3 at position 1, then at position 2
	}{
		{1, []int32{48678, 2808, 7169, 25842, 6174, 4106, 43367, 46765}},
		{0.25, []int32{48568, 3160, 7320, 26038, 6503, 4454, 43492, 46969}},
		{0, []int32{14913, 14913, 14913, 14913, 14913, 14913, 14913, 14913}},
	} {
		var ids []int32
		for position := uint32(1); position <= 2; position++ {
			for draw := range uint32(4) {
				ids = append(ids, r.DrawAlternative(tt.temperature, 42, draw, position))
			}
		}
		if !slices.Equal(ids, tt.ids) {
			t.Errorf("temperature %v: got %#v, want %#v", tt.temperature, ids, tt.ids)
		}
	}
}

// TestAlternativesShareNoNumberWithSamples: a request's draws at its prompt's
// positions say nothing of its samples.
func TestAlternativesShareNoNumberWithSamples(t *testing.T) {
	seen := map[uint64]bool{}
	for index := range uint32(50) {
		for position := range uint32(50) {
			seen[uniform(7, index, position)] = true
			seen[uniformOf(streamAlternative, 7, index, position)] = true
		}
	}
	if len(seen) != 2*50*50 {
		t.Errorf("%d different numbers, want %d", len(seen), 2*50*50)
	}
}
