package sample

import (
	"slices"
	"testing"
)

// As TestSeedsGiveWhatTheyAlwaysGave, for what is drawn at prompt positions.
func TestAlternativesAreWhatTheyAlwaysWere(t *testing.T) {
	r := at(t, goldenRow(49152))
	for _, tt := range []struct {
		p   Params
		ids []int32 // draws 0 to 3 at position 1, then at position 2
	}{
		{Params{Temperature: 1, TopP: 1, Seed: 42}, []int32{48678, 2808, 7169, 25842, 6174, 4106, 43367, 46765}},
		{Params{Temperature: 1, TopK: 50, TopP: 1, Seed: 42}, []int32{47964, 1351, 7836, 26963, 6974, 4552, 45731, 46919}},
		{Params{Temperature: 0, TopP: 1, Seed: 42}, []int32{14913, 14913, 14913, 14913, 14913, 14913, 14913, 14913}},
	} {
		var ids []int32
		for position := uint32(1); position <= 2; position++ {
			for draw := range uint32(4) {
				ids = append(ids, r.DrawAlternative(tt.p, draw, position))
			}
		}
		if !slices.Equal(ids, tt.ids) {
			t.Errorf("%+v: got %#v, want %#v", tt.p, ids, tt.ids)
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
