//go:build !purego

package cpu

import (
	"sync"

	"github.com/klauspost/cpuid/v2"
)

// emulated names what a test build takes this machine to have although it has
// not: "amx". It is empty in every product. A test build that is to run under
// internal/repocheck/amxrun, which cannot change what CPUID says, sets it by
//
//	-ldflags "-X tinsmith.example/internal/cpu.emulated=amx"
var emulated string

// levels asks for the kernel's permission to use tiles, if there are any, when
// it is first called.
var levels = sync.OnceValue(func() []Level {
	if emulated == AMX.String() {
		cpu := cpuid.CPU
		cpu.Enable(cpuid.AMXTILE, cpuid.AMXBF16)
		return levelsOf(&cpu, func() bool { return true })
	}
	return levelsOf(&cpuid.CPU, permitTiles)
})

// levelsOf are the levels of cpu. It calls permitTiles only if the rest of AMX
// is there.
func levelsOf(cpu *cpuid.CPUInfo, permitTiles func() bool) []Level {
	l := []Level{Portable}
	if !cpu.Supports(cpuid.AVX2, cpuid.FMA3, cpuid.F16C) {
		return l
	}
	l = append(l, AVX2)
	if !cpu.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512DQ) {
		return l
	}
	l = append(l, AVX512)
	if cpu.Supports(cpuid.AVX512BF16) {
		l = append(l, AVX512BF16)
	}
	if cpu.Supports(cpuid.AMXTILE, cpuid.AMXBF16) && permitTiles() {
		l = append(l, AMX)
	}
	return l
}

func best() Level { return bestOf(levels(), cpuid.CPU.VendorID) }

// bestOf is the last of levels, but AVX512BF16 for AMD only: Intel's VDPBF16PS
// has half the rate of float32 FMA, AMD's twice that rate.
func bestOf(levels []Level, vendor cpuid.Vendor) Level {
	last := levels[len(levels)-1]
	if last == AVX512BF16 && vendor != cpuid.AMD {
		return AVX512
	}
	return last
}
