//go:build !purego

package machine

import "unsafe"

// Why assembly: plain Go reads 8 bytes a load and multiplies one pair at a
// time, which is a limit of Go and not of the machine.

//go:noescape
func xorNEON(words *uint64, rounds uintptr) uint64

func multiplyNEON(rounds uintptr) float32

func xorRounds(words []uint64) uint64 {
	return xorNEON(unsafe.SliceData(words), uintptr(len(words)/(roundBytes/8)))
}

// multipliers has the loops of this architecture by the name of the kernels
// whose innermost instruction they are made of.
var multipliers = map[string]multiplier{
	"neon": {"FMLA", 4, 1, multiplyNEON},
}
