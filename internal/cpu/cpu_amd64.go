//go:build !purego

package cpu

import "golang.org/x/sys/cpu"

func best() Level {
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512DQ {
		return AVX512
	}
	return Portable
}
