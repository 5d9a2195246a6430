//go:build !purego

package machine

import (
	"slices"
	"unsafe"

	"tinsmith.example/internal/cpu"
)

// Why assembly: plain Go reads 8 bytes a load and multiplies one pair at a
// time, which is a limit of Go and not of the machine.

//go:noescape
func xorAVX2(words *uint64, rounds uintptr) uint64

func multiplyAVX2(rounds uintptr) float32

func multiplyAVX512(rounds uintptr) float32

func multiplyBF16(rounds uintptr) float32

var hasAVX2 = slices.Contains(cpu.Levels(), cpu.AVX2)

func xorRounds(words []uint64) uint64 {
	if !hasAVX2 {
		return xorGeneric(words)
	}
	return xorAVX2(unsafe.SliceData(words), uintptr(len(words)/(roundBytes/8)))
}

// multipliers has the loops of this architecture by the name of the kernels
// whose innermost instruction they are made of.
var multipliers = map[string]multiplier{
	"avx2":       {"VFMADD231PS ymm", 8, 1, multiplyAVX2},
	"avx512":     {"VFMADD231PS zmm", 16, 1, multiplyAVX512},
	"avx512bf16": {"VDPBF16PS zmm", 16, 2, multiplyBF16},
	"amx":        {"TDPBF16PS", 16 * 16, 32, multiplyAMX},
}
