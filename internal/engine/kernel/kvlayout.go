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

// Store writes position pos (0 to 31) of a head's block: the first headDim
// values of key and of value, each split into two planes as [Planes] are. Any
// other position and a key or value that is too short panic.
//
// Different positions of one block may be stored by different goroutines at
// once, so that nothing of another position may be written, not even as it was.
func (l KVLayout) Store(block []byte, pos int, key, value []float32) {
	if pos < 0 || pos >= BlockPositions || len(key) < l.headDim || len(value) < l.headDim {
		panic("kernel: Store: no such position, or too short a key or value")
	}
	storeKey(l.half(block, pos/TileN), pos%TileN, key[:l.headDim])
	values := block[l.keyBytes():]
	storeValue(values[:l.valueTiles*2*bf16TileBytes], pos, value[:l.headDim])
}

// storeKeyGeneric sets weights (n, 0), (n, 1) ... of tiles to key: a dword per
// pair of dimensions, 64 bytes apart. tiles is [ceil(len(key)/32)][2 planes].
func storeKeyGeneric(tiles []byte, n int, key []float32) {
	for k, x := range key {
		storePlanes(tiles[k/BlockK*2*bf16TileBytes:], n, k%BlockK, x)
	}
}

// storeValueGeneric sets weights (0, k), (1, k) ... of tiles to value: a half of
// each dword of a row. tiles is [ceil(len(value)/16)][2 planes].
func storeValueGeneric(tiles []byte, k int, value []float32) {
	for d, x := range value {
		storePlanes(tiles[d/TileN*2*bf16TileBytes:], d%TileN, k, x)
	}
}

// storePlanes sets weight (n, k) of a pair of BF16 tiles.
func storePlanes(tiles []byte, n, k int, x float32) {
	hi := BF16(x)
	storePlane(tiles, n, k, hi)
	storePlane(tiles[bf16TileBytes:], n, k, BF16(x-FromBF16(hi)))
}

// storePlane sets weight (n, k) of a BF16 tile.
func storePlane(tile []byte, n, k int, bits uint16) {
	binary.LittleEndian.PutUint16(tile[(k/2*TileN+n)*4+k%2*2:], bits)
}
