//go:build !purego

package cpu

import "golang.org/x/sys/cpu"

func levels() []Level {
	x := &cpu.X86
	l := []Level{Portable}
	if x.HasAVX2 && x.HasFMA && x.HasF16C {
		l = append(l, AVX2)
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ {
		l = append(l, AVX512)
	}
	if x.HasAVX512BF16 && x.HasAVX512VBMI {
		l = append(l, AVX512BF16)
	}
	return l
}
