//go:build !purego

package cpu

// Every arm64 machine that Go runs on has NEON.
func levels() []Level { return []Level{Portable, NEON} }

func best() Level { return NEON }
