package kernel

import (
	"math/rand/v2"
	"testing"
)

func TestSelfCheckPassesAtEveryLevel(t *testing.T) {
	atEveryLevel(t, func(t *testing.T) {
		for seed := range uint64(20) {
			if err := checkKernels(rand.New(rand.NewPCG(seed, 0))); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestCompareSeesOneBit(t *testing.T) {
	if compare("x", []float32{1, 0x1.000002p0}, []float32{1, 1}) == nil {
		t.Error("a difference in the last bit goes unseen")
	}
}

func BenchmarkSelfCheck(b *testing.B) {
	for b.Loop() {
		if err := checkKernels(rand.New(rand.NewPCG(1, 2))); err != nil {
			b.Fatal(err)
		}
	}
}
