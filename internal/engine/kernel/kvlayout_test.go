package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
)

// storeGeneric is Store by the portable twins alone.
func storeGeneric(l KVLayout, block []byte, pos int, key, value []float32) {
	storeKeyGeneric(l.half(block, pos/TileN), pos%TileN, key)
	storeValueGeneric(block[l.keyBytes():], pos, value)
}

// randomBlock is a head's block of random bytes with as many around it as a
// tile has, at an offset from a cache line.
func randomBlock(r *rand.Rand, l KVLayout, offset int) (all, block []byte) {
	all = AlignedBytes(offset + l.HeadBytes() + 2*bf16TileBytes)
	for i := range all {
		all[i] = byte(r.Uint32())
	}
	at := bf16TileBytes + offset
	return all, all[at : at+l.HeadBytes()]
}

// TestStoreMatchesTwin: for heads of any size, every position and values at the
// edges, Store leaves the bytes that its twins leave: those of the position are
// set, all others of the block and around it are as they were.
func TestStoreMatchesTwin(t *testing.T) { atEveryLevel(t, storeMatchesTwin) }

func storeMatchesTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 14))
	for _, dim := range []int{1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 80, 96, 128, 130, 256} {
		l := NewKVLayout(dim)
		for pos := range BlockPositions {
			offset := 2 * r.IntN(32)
			got, block := randomBlock(r, l, offset)
			want := bytes.Clone(got)
			key, keyIntact := fenced(floats(r, dim), r.IntN(16))
			value, valueIntact := fenced(floats(r, dim), r.IntN(16))
			l.Store(block, pos, key, value)
			storeGeneric(l, want[bf16TileBytes+offset:], pos, key, value)
			if !bytes.Equal(got, want) {
				t.Fatalf("dim %d, position %d: the bytes differ from the twin's", dim, pos)
			}
			if !keyIntact() || !valueIntact() {
				t.Fatalf("dim %d, position %d: Store writes to its inputs", dim, pos)
			}
		}
	}
}

// TestStoreKeepsPlanes: what Store wrote is where [KVLayout] says it is, and is
// what [Planes] make of the same values.
func TestStoreKeepsPlanes(t *testing.T) { atEveryLevel(t, storeKeepsPlanes) }

func storeKeepsPlanes(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 15))
	const dim = 80
	l := NewKVLayout(dim)
	block := AlignedBytes(l.HeadBytes())
	var keys, values [][]float32
	for pos := range BlockPositions {
		keys, values = append(keys, floats(r, dim)), append(values, floats(r, dim))
		l.Store(block, pos, keys[pos], values[pos])
	}
	at := func(tiles []byte, plane, n, k int) float32 { // weight (n, k) of a pair of tiles
		i := plane*bf16TileBytes + (k/2*TileN+n)*4 + k%2*2
		return FromBF16(binary.LittleEndian.Uint16(tiles[i:]))
	}
	for pos := range BlockPositions {
		for d := range dim {
			keyTiles := l.half(block, pos/TileN)[d/BlockK*2*bf16TileBytes:]
			valueTiles := l.valueTile(block, d/TileN)
			for _, stored := range []struct {
				what   string
				x      float32
				hi, lo float32
			}{
				{"key", keys[pos][d], at(keyTiles, 0, pos%TileN, d%BlockK), at(keyTiles, 1, pos%TileN, d%BlockK)},
				{"value", values[pos][d], at(valueTiles, 0, d%TileN, pos), at(valueTiles, 1, d%TileN, pos)},
			} {
				hi := toBF16(stored.x)
				sameBits(t, fmt.Sprintf("%s of position %d, dimension %d", stored.what, pos, d),
					[]float32{stored.hi, stored.lo}, []float32{hi, toBF16(stored.x - hi)})
			}
		}
	}
}

// TestPositionsAreStoredAtOnce stores two positions again and again, each by a
// goroutine of its own, as the rows of a prompt are. The two share each dword of
// a value's tiles: a store that wrote back what it read of its neighbour would
// undo the neighbour's newest one, and does within this many tries on two CPUs.
func TestPositionsAreStoredAtOnce(t *testing.T) { atEveryLevel(t, positionsAreStoredAtOnce) }

func positionsAreStoredAtOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 16))
	const dim, tries = 64, 20000
	l := NewKVLayout(dim)
	vectors := randomVectors(r, 2, dim, 1)
	block := AlignedBytes(l.HeadBytes())
	var both sync.WaitGroup
	for pos := range 2 {
		both.Go(func() {
			for i := range tries {
				x := vectors[i%2]
				l.Store(block, pos, x, x)
				for d, v := range x {
					if got := l.valueTile(block, d/TileN)[(d%TileN)*4+pos*2:]; binary.LittleEndian.Uint16(got) != BF16(v) {
						t.Errorf("position %d, dimension %d, try %d: what was stored is gone", pos, d, i)
						return
					}
				}
			}
		})
	}
	both.Wait()
}

// TestStoreKeepsNonFinite: a NaN or an infinity in a key or a value is one in
// the block, as [Planes] keep it.
func TestStoreKeepsNonFinite(t *testing.T) { atEveryLevel(t, storeKeepsNonFinite) }

func storeKeepsNonFinite(t *testing.T) {
	l := NewKVLayout(64)
	// As numbers, the last two would round to a zero of the other sign.
	for _, bits := range []uint32{0x7f800000, 0xff800000, 0x7fc00000, 0x7fffffff, 0xffffffff} {
		bad := math.Float32frombits(bits)
		for _, d := range []int{0, 15, 16, 31, 32, 63} {
			for _, pos := range []int{0, 1, 16, 31} {
				x, zero := make([]float32, 64), make([]float32, 64)
				x[d] = bad
				for what, store := range map[string]func(block []byte){
					"key":   func(block []byte) { l.Store(block, pos, x, zero) },
					"value": func(block []byte) { l.Store(block, pos, zero, x) },
				} {
					block := AlignedBytes(l.HeadBytes())
					store(block)
					finite := true
					for i := 0; i < len(block); i += 2 {
						finite = finite && Finite([]float32{FromBF16(binary.LittleEndian.Uint16(block[i:]))})
					}
					if finite {
						t.Errorf("Store loses %v of dimension %d of a %s at position %d", bad, d, what, pos)
					}
				}
			}
		}
	}
}

// BenchmarkStore stores the positions of a block of one head, one after the
// other; bytes are those of the planes.
func BenchmarkStore(b *testing.B) {
	r := rand.New(rand.NewPCG(17, 17))
	for _, dim := range []int{64, 128} {
		b.Run(fmt.Sprintf("dim=%d", dim), func(b *testing.B) {
			l := NewKVLayout(dim)
			block := AlignedBytes(l.HeadBytes())
			key, value := randomVectors(r, 1, dim, 1)[0], randomVectors(r, 1, dim, 1)[0]
			b.SetBytes(int64(2 * dim * 4))
			pos := 0
			for b.Loop() {
				l.Store(block, pos, key, value)
				pos = (pos + 1) % BlockPositions
			}
		})
	}
}
