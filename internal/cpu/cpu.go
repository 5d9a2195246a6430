// Package cpu says which instruction sets the kernels may use on this machine,
// and lets a test or a user turn some of them off.
//
// Detection is golang.org/x/sys/cpu's. Every kernel computes the same bits on
// every level (docs/arithmetic.md), so a level changes the speed and nothing
// else.
package cpu

import (
	"fmt"
	"os"
	"slices"
)

// Level is a set of kernels. Those of one architecture are in rising order of
// speed.
type Level uint8

const (
	Portable Level = iota // plain Go, on every machine
	AVX2                  // amd64, with FMA and F16C
	AVX512                // amd64: F, BW, VL and DQ
	AVX512BF16            // amd64: AVX512 with VDPBF16PS and VBMI
	AMX                   // amd64: AVX512 with tiles of bf16
	NEON                  // arm64
)

var names = []string{Portable: "portable", AVX2: "avx2", AVX512: "avx512", AVX512BF16: "avx512bf16", AMX: "amx", NEON: "neon"}

func (l Level) String() string { return names[l] }

// Best is the fastest level that this machine has and this build contains. The
// build tag purego leaves Portable only.
func Best() Level {
	l := Levels()
	return l[len(l)-1]
}

// Levels are those that this machine has and this build contains, slowest first.
func Levels() []Level { return levels() }

// Variable names the environment variable that chooses a level: "portable",
// "avx2", "avx512" or "neon". Unset or empty means [Best].
const Variable = "TINSMITH_CPU"

// Chosen is the level named by [Variable], or Best. It fails for a name that
// does not exist and for a level that this machine or build lacks.
func Chosen() (Level, error) {
	name := os.Getenv(Variable)
	if name == "" {
		return Best(), nil
	}
	i := slices.Index(names, name)
	switch {
	case i < 0:
		return 0, fmt.Errorf("cpu: %s=%q: the levels are %q", Variable, name, names)
	case !slices.Contains(Levels(), Level(i)):
		return 0, fmt.Errorf("cpu: %s=%s: this machine or build has %s at best", Variable, name, Best())
	}
	return Level(i), nil
}
