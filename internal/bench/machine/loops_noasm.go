//go:build !(amd64 || arm64) || purego

package machine

func xorRounds(words []uint64) uint64 { return xorGeneric(words) }

// multipliers is empty: the portable kernels are all that this build has.
var multipliers = map[string]multiplier{}
