package kernel

import "tinsmith.example/internal/cpu"

// level says which kernels run. A choice that cannot be had is reported by
// package engine; here it means the portable ones. Tests change it.
var level = func() cpu.Level {
	l, err := cpu.Chosen()
	if err != nil {
		return cpu.Portable
	}
	return l
}()
