package sample

import "math/bits"

// The streams of the generator: the third word of its counter. Draws for
// different purposes never share a number.
const (
	streamToken       = 0
	streamAlternative = 1
)

// Constants of Philox4x32: the two multipliers and the two key increments.
const (
	philoxM0     = 0xD2511F53
	philoxM1     = 0xCD9E8D57
	philoxW0     = 0x9E3779B9
	philoxW1     = 0xBB67AE85
	philoxRounds = 10
)

// philox is Philox4x32-10: four random words for a counter under a key. It has
// no state, so that any number can be had without those before it.
// Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011.
func philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	c, k := counter, key
	for range philoxRounds {
		hi0, lo0 := bits.Mul32(philoxM0, c[0])
		hi1, lo1 := bits.Mul32(philoxM1, c[2])
		c = [4]uint32{hi1 ^ c[1] ^ k[0], lo1, hi0 ^ c[3] ^ k[1], lo0}
		k[0] += philoxW0
		k[1] += philoxW1
	}
	return c
}

// uniform is the random integer that decides the token at a position: 64 bits,
// a function of nothing but its arguments.
func uniform(seed uint64, sampleIndex, position uint32) uint64 {
	return uniformOf(streamToken, seed, sampleIndex, position)
}

// uniformOf is the random integer of a stream at (index, position).
func uniformOf(stream uint32, seed uint64, index, position uint32) uint64 {
	w := philox(
		[4]uint32{position, index, stream, 0},
		[2]uint32{uint32(seed), uint32(seed >> 32)},
	)
	return uint64(w[1])<<32 | uint64(w[0])
}
