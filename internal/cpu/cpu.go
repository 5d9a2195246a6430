// Package cpu says which instruction sets the kernels may use on this machine,
// and lets a test or a user turn some of them off.
//
// Every kernel computes the same bits on every level (docs/arithmetic.md), so a
// level changes the speed and nothing else.
package cpu

import (
	"fmt"
	"os"
	"slices"
)

// Level is a set of kernels. A machine of amd64 that has AVX512BF16 or AMX has
// AVX512 and AVX2, too, so that kernels may compare levels.
type Level uint8

const (
	Portable   Level = iota // plain Go, on every machine
	AVX2                    // amd64, with FMA and F16C
	AVX512                  // amd64: F, BW, VL and DQ
	AVX512BF16              // amd64: AVX512 with BF16
	AMX                     // amd64: AVX512 with AMX-TILE and AMX-BF16, and the kernel's permission to use them
	NEON                    // arm64
)

var names = []string{Portable: "portable", AVX2: "avx2", AVX512: "avx512", AVX512BF16: "avx512bf16", AMX: "amx", NEON: "neon"}

func (l Level) String() string { return names[l] }

// Best is the fastest level that this machine has and this build contains,
// which need not be the last of [Levels]. The build tag purego leaves Portable
// only.
func Best() Level { return best() }

// Levels are those that this machine has and this build contains, in the order
// of their declaration. The caller must not change them.
func Levels() []Level { return levels() }

// Variable names the environment variable that chooses a level by the name that
// [Level.String] gives. Unset or empty means [Best].
const Variable = "TINSMITH_CPU"

// Chosen is the level named by [Variable], or Best. It fails for a name that
// does not exist and for a level that this machine or build lacks.
func Chosen() (Level, error) {
	name := os.Getenv(Variable)
	if name == "" {
		return Best(), nil
	}
	i := slices.Index(names, name)
	if i < 0 || !slices.Contains(Levels(), Level(i)) {
		return 0, fmt.Errorf("cpu: %s=%s: this machine or build has %v", Variable, name, Levels())
	}
	return Level(i), nil
}
