package bench

import (
	"testing"

	"tinsmith.example/internal/engine/kernel"
)

// TestAttentionIsThatOfTheLastPositions: every row has an answer, and the
// products are those of what it sees.
func TestAttentionIsThatOfTheLastPositions(t *testing.T) {
	for _, tt := range []struct {
		positions, rows, group int
		seen                   int // by all rows together
	}{
		{128, 3, 3, 3 * 128},
		{1, 2, 2, 2},
		{100, 6, 3, 3*99 + 3*100},
		{128, kernel.MaxAttentionRows, 1, 128*kernel.MaxAttentionRows - kernel.MaxAttentionRows*(kernel.MaxAttentionRows-1)/2},
	} {
		const headDim = 16
		a := newAttentionWorker(headDim, tt.positions, tt.rows, tt.group)
		a.attend()
		for i, x := range a.out {
			if x == 0 || x != x {
				t.Fatalf("%+v: output %d is %v", tt, i, x)
			}
		}
		if got, want := a.products(), float64(tt.seen*headDim*2*3); got != want {
			t.Errorf("%+v: %v products, want %v", tt, got, want)
		}
	}
}
