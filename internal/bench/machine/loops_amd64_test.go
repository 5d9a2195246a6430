//go:build !purego

package machine

import (
	"testing"

	"golang.org/x/sys/cpu"
)

// TestPairsOfBF16AreTwoProducts is the part of TestMultiplyingMakesTheProducts
// about an instruction that not every machine with AVX-512 has.
func TestPairsOfBF16AreTwoProducts(t *testing.T) {
	if !cpu.X86.HasAVX512BF16 {
		t.Skip("this machine has no VDPBF16PS")
	}
	m := multipliers["avx512bf16"]
	checkProducts(t, &m)
}
