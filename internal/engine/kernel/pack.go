package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Tiles, by format. n is the output within the tile, k the index within the
// block; integers are little-endian.
//
//	BF16  [16 pairs p][16 n][2]: uint16 of k = 2p, 2p+1   (1,024 bytes)
//	F16   the BF16 tile of the high plane, then that of the low plane
//	Q8_0  [32 k][16 n] int8, then [16 n] half d           (544 bytes)
//	Q4_x  [4 v][16 n] uint32, then [16 n] half d          (288 bytes)
//	      and for Q4_1 then [16 n] half m                 (320 bytes)
//	      The uint32 of v and n holds k = 8v to 8v+7: the even ones from bit 0
//	      up, then the odd ones from bit 16 up, four bits each.
//
// The BF16 tile is what a bf16 matrix unit takes as its right side; the nibbles
// lie so that one shift and one 16-entry table give a vector of 16 outputs at
// one k, and one shift and a 32-entry table such a bf16 tile's row.
//
// A panel of F32 is its blocks' F16 tiles, of the two high planes, and then their
// BF16 tiles, of the third.

// RawRowBytes is the size of one row of k weights as GGUF holds them.
func (f Format) RawRowBytes(k int) int {
	if f.float() {
		return k * (formats[f].rawBytes / BlockK)
	}
	return k / BlockK * formats[f].rawBytes
}

// PackPanel fills panel i from rows in GGUF's form: row(n) returns output n's
// raw bytes, RawRowBytes(K) of them, for n < N. Different panels may be packed
// at once. It fails for a weight or scale that is NaN or infinite.
func (m *Matrix) PackPanel(i int, row func(n int) []byte) error {
	panel := m.panel(i)
	for n := range TileN {
		out := i*TileN + n
		if out >= m.N {
			break
		}
		raw := row(out)
		for b := range m.Blocks {
			tile := panel[b*formats[m.Format].tileBytes:]
			size := formats[m.Format].rawBytes
			block := raw[b*size : min((b+1)*size, len(raw))]
			var bad bool
			switch m.Format {
			case BF16Weights:
				bad = packBF16(tile, n, block)
			case Q8_0:
				bad = packQ8(tile, n, block)
			case Q4_0:
				bad = packQ4(tile, n, block, 2)
			case Q4_1:
				bad = packQ4(tile, n, block, 4)
			case F16Weights:
				bad = packF16(tile, n, block)
			case F32Weights:
				bad = packF32(panel[2*b*bf16TileBytes:], panel[(2*m.Blocks+b)*bf16TileBytes:], n, block)
			}
			if bad {
				return &WeightError{Output: out, K: b * BlockK}
			}
		}
	}
	return nil
}

// A WeightError says where a matrix has a weight or scale that is not finite.
type WeightError struct {
	Output int // row of the matrix
	K      int // first column of the block
}

func packBF16(tile []byte, n int, raw []byte) (bad bool) {
	for k := range len(raw) / 2 {
		w := FromBF16(binary.LittleEndian.Uint16(raw[2*k:]))
		bad = bad || !Finite([]float32{w})
		storePlane(tile, n, k, BF16(w))
	}
	return bad
}

func packF16(tile []byte, n int, raw []byte) (bad bool) {
	for k := range len(raw) / 2 {
		bad = bad || !finiteHalf(raw[2*k:])
		storePlanes(tile, n, k, FromF16(binary.LittleEndian.Uint16(raw[2*k:])))
	}
	return bad
}

// packF32 packs one row's block into the tile of the two high planes and that of
// the third.
func packF32(high, low []byte, n int, raw []byte) (bad bool) {
	for k := range len(raw) / 4 {
		w := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:]))
		first := FromBF16(BF16(w))
		second := FromBF16(BF16(w - first))
		bad = bad || !Finite([]float32{w, first}) // a large w is finite, and its nearest bf16 is not
		storePlanes(high, n, k, w)
		storePlane(low, n, k, BF16(w-first-second))
	}
	return bad
}

func packQ8(tile []byte, n int, raw []byte) (bad bool) {
	for k, q := range raw[2:] {
		tile[k*TileN+n] = q
	}
	copy(tile[tileWeights+2*n:tileWeights+2*n+2], raw)
	return !finiteHalf(raw)
}

// packQ4 packs one row's block: scales (2 or 4 bytes of halves), then 16 bytes
// whose low nibbles are k = 0 to 15 and whose high nibbles k = 16 to 31.
func packQ4(tile []byte, n int, raw []byte, scales int) (bad bool) {
	for at := 0; at < scales; at += 2 {
		bad = bad || !finiteHalf(raw[at:])
		copy(tile[tileWeights/2+at*TileN+2*n:][:2], raw[at:])
	}
	q := raw[scales:]
	for v := range 4 {
		eight := binary.LittleEndian.Uint64(q[v%2*8:]) >> (v / 2 * 4)
		dword := gatherNibbles(eight) | gatherNibbles(eight>>8)<<16
		binary.LittleEndian.PutUint32(tile[(v*TileN+n)*4:], dword)
	}
	return bad
}

// gatherNibbles puts the low nibbles of bytes 0, 2, 4 and 6 side by side.
func gatherNibbles(x uint64) uint32 {
	x &= 0x000f_000f_000f_000f
	x |= x >> 12
	return uint32(x&0xff | x>>24&0xff00)
}

func finiteHalf(b []byte) bool { return binary.LittleEndian.Uint16(b)&0x7c00 != 0x7c00 }

func (e *WeightError) Error() string {
	return fmt.Sprintf("weight of output %d at or after column %d is not finite", e.Output, e.K)
}
