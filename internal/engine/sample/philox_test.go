package sample

import "testing"

// The vectors are those that the generator's authors publish with Random123
// (kat_vectors, philox4x32 with 10 rounds).
func TestPhiloxGivesThePublishedNumbers(t *testing.T) {
	const ones = 0xffffffff
	for _, tt := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{
			[4]uint32{}, [2]uint32{},
			[4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
		},
		{
			[4]uint32{ones, ones, ones, ones}, [2]uint32{ones, ones},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
		},
		{
			[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	} {
		if got := philox(tt.counter, tt.key); got != tt.want {
			t.Errorf("philox(%x, %x) = %x, want %x", tt.counter, tt.key, got, tt.want)
		}
	}
}

func TestUniformTakesEveryBitOfItsArguments(t *testing.T) {
	seen := map[uint64]string{uniform(0, 0, 0): "nothing"}
	add := func(u uint64, what string) {
		if other, ok := seen[u]; ok {
			t.Errorf("%s gives the same number as %s", what, other)
		}
		seen[u] = what
	}
	for bit := range 64 {
		add(uniform(1<<bit, 0, 0), "a bit of the seed")
		if bit < 32 {
			add(uniform(0, 1<<bit, 0), "a bit of the sample index")
			add(uniform(0, 0, 1<<bit), "a bit of the position")
		}
	}
}
