//go:build !purego

package cpu

import (
	"slices"
	"testing"

	"github.com/klauspost/cpuid/v2"
)

func TestLevelsAndBestOfKnownMachines(t *testing.T) {
	var (
		haswell  = []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3, cpuid.F16C}
		skylakeX = append(slices.Clip(haswell), cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512DQ)
		iceLake  = append(slices.Clip(skylakeX), cpuid.AVX512VBMI)
		zen4     = append(slices.Clip(iceLake), cpuid.AVX512BF16)
		sapphire = append(slices.Clip(zen4), cpuid.AMXTILE, cpuid.AMXBF16)
	)
	for _, tt := range []struct {
		name      string
		vendor    cpuid.Vendor
		features  []cpuid.FeatureID
		permitted bool // by the kernel, to use tiles
		levels    []Level
		best      Level
	}{
		{"Nehalem", cpuid.Intel, nil, false, []Level{Portable}, Portable},
		{"Haswell", cpuid.Intel, haswell, false, []Level{Portable, AVX2}, AVX2},
		{"Haswell without F16C", cpuid.Intel, haswell[:2], false, []Level{Portable}, Portable},
		{"Zen 3", cpuid.AMD, haswell, true, []Level{Portable, AVX2}, AVX2},
		{"Skylake-X", cpuid.Intel, skylakeX, true, []Level{Portable, AVX2, AVX512}, AVX512},
		{"Ice Lake", cpuid.Intel, iceLake, true, []Level{Portable, AVX2, AVX512}, AVX512},
		{"Zen 4", cpuid.AMD, zen4, true, []Level{Portable, AVX2, AVX512, AVX512BF16}, AVX512BF16},
		{"Intel with Zen 4's features", cpuid.Intel, zen4, true, []Level{Portable, AVX2, AVX512, AVX512BF16}, AVX512},
		{"Sapphire Rapids", cpuid.Intel, sapphire, true, []Level{Portable, AVX2, AVX512, AVX512BF16, AMX}, AMX},
		{"Sapphire Rapids, old kernel", cpuid.Intel, sapphire, false, []Level{Portable, AVX2, AVX512, AVX512BF16}, AVX512},
		{"AMX without BF16", cpuid.Intel, append(slices.Clip(iceLake), cpuid.AMXTILE), true, []Level{Portable, AVX2, AVX512}, AVX512},
		{"AMX without AVX-512", cpuid.Intel, append(slices.Clip(haswell), cpuid.AMXTILE, cpuid.AMXBF16), true, []Level{Portable, AVX2}, AVX2},
	} {
		var cpu cpuid.CPUInfo
		cpu.Enable(tt.features...)
		asked := false
		levels := levelsOf(&cpu, func() bool { asked = true; return tt.permitted })
		if !slices.Equal(levels, tt.levels) {
			t.Errorf("%s: levels %v, want %v", tt.name, levels, tt.levels)
		}
		if best := bestOf(levels, tt.vendor); best != tt.best {
			t.Errorf("%s: best is %v, want %v", tt.name, best, tt.best)
		}
		if want := cpu.Supports(cpuid.AVX512F, cpuid.AMXTILE, cpuid.AMXBF16); asked != want {
			t.Errorf("%s: asked for permission: %v, want %v", tt.name, asked, want)
		}
	}
}

// TestEmulatedIsOneOfTheLevels: a build that claims a level by name has it.
func TestEmulatedIsOneOfTheLevels(t *testing.T) {
	if emulated != "" && !slices.ContainsFunc(Levels(), func(l Level) bool { return l.String() == emulated }) {
		t.Errorf("emulated is %q, the levels are %v", emulated, Levels())
	}
}
