package kernel

import "encoding/binary"

// KVLayout says how one block of 32 positions holds the keys and values of one
// head, as weights in two bf16 planes, so that QKᵀ and PV are linear layers:
//
//	keys    [2 halves of 16 positions][headDim/32][2 planes] tiles of
//	        16 positions (outputs) by 32 dimensions (k)
//	values  [headDim/16][2 planes] tiles of 16 dimensions (outputs) by 32
//	        positions (k)
//
// Tiles are BF16 tiles (pack.go). headDim is padded with zeros to whole tiles.
// A block must be zero before its first use: masked positions are multiplied
// by 0, and 0 times a stale NaN is NaN.
type KVLayout struct {
	headDim    int
	keyBlocks  int // blocks of 32 k that a key has
	valueTiles int // tiles of 16 outputs that a value has
}

// BlockPositions is how many positions a KV block has.
const BlockPositions = BlockK

const bf16TileBytes = 2 * tileWeights

// NewKVLayout is the layout of heads of headDim dimensions.
func NewKVLayout(headDim int) KVLayout {
	return KVLayout{headDim, (headDim + BlockK - 1) / BlockK, (headDim + TileN - 1) / TileN}
}

// HeadBytes is the size of one head's keys and values in one block.
func (l KVLayout) HeadBytes() int { return l.keyBytes() + l.valueTiles*2*bf16TileBytes }

func (l KVLayout) keyBytes() int { return 2 * l.halfBytes() }

// halfBytes is the keys of 16 positions.
func (l KVLayout) halfBytes() int { return l.keyBlocks * 2 * bf16TileBytes }

// half is the keys of positions 16*i to 16*i+15 of a block.
func (l KVLayout) half(block []byte, i int) []byte {
	return block[i*l.halfBytes() : (i+1)*l.halfBytes()]
}

// valueTile is dimensions 16*i to 16*i+15 of a block's values, both planes.
func (l KVLayout) valueTile(block []byte, i int) []byte {
	at := l.keyBytes() + i*2*bf16TileBytes
	return block[at : at+2*bf16TileBytes]
}

// Store writes position pos (0 to 31) of a head's block: key and value, both
// [headDim], each value split into two planes as [Planes] are.
func (l KVLayout) Store(block []byte, pos int, key, value []float32) {
	half := l.half(block, pos/TileN)
	for k, x := range key[:l.headDim] {
		storePlanes(half[k/BlockK*2*bf16TileBytes:], pos%TileN, k%BlockK, x)
	}
	for d, x := range value[:l.headDim] {
		storePlanes(l.valueTile(block, d/TileN), d%TileN, pos, x)
	}
}

// storePlanes sets weight (n, k) of a pair of BF16 tiles.
func storePlanes(tiles []byte, n, k int, x float32) {
	at := (k/2*TileN+n)*4 + k%2*2
	hi := BF16(x)
	binary.LittleEndian.PutUint16(tiles[at:], hi)
	binary.LittleEndian.PutUint16(tiles[bf16TileBytes+at:], BF16(x-FromBF16(hi)))
}
