//go:build !purego

package kernel

import "unsafe"

// The kernels that split a key or a value and store it. A call takes one head's
// vector, and so is short.
//
// A position's neighbours may be stored at the same time by other threads
// (Store), so that 16-bit elements are stored one by one: no row of a tile may
// be read, changed and written back.

// storeKeyNEON stores blocks*32 dimensions. tiles points to the key's dword of
// the first pair.
//
//go:noescape
func storeKeyNEON(tiles *byte, key *float32, blocks uintptr)

// storeValueNEON stores count*16 dimensions. tiles points to the half of the
// first dword that is meant.
//
//go:noescape
func storeValueNEON(tiles *byte, value *float32, count uintptr)

// These run the kernels on whole tiles; the rest is done in Go.

func storeKey(tiles []byte, n int, key []float32) {
	if blocks := len(key) / BlockK; vectors() && blocks > 0 {
		at := &tiles[:blocks*2*bf16TileBytes][n*4]
		storeKeyNEON(at, unsafe.SliceData(key), uintptr(blocks))
		tiles, key = tiles[blocks*2*bf16TileBytes:], key[blocks*BlockK:]
	}
	storeKeyGeneric(tiles, n, key)
}

func storeValue(tiles []byte, k int, value []float32) {
	if count := len(value) / TileN; vectors() && count > 0 {
		row := tiles[:count*2*bf16TileBytes][k/2*TileN*4:]
		storeValueNEON(&row[k%2*2], unsafe.SliceData(value), uintptr(count))
		tiles, value = tiles[count*2*bf16TileBytes:], value[count*TileN:]
	}
	storeValueGeneric(tiles, k, value)
}
