//go:build !purego

package kernel

import (
	"unsafe"

	"tinsmith.example/internal/cpu"
)

// The kernels that split a key or a value and store it. Why assembly: in plain Go
// a Store of 64 dimensions, 256 scattered elements, takes 727 ns, with AVX2 77
// and with AVX-512 58. A call takes one head's vector, and so is short.
//
// A position's neighbours may be stored at the same time by other threads
// (Store), so that no kernel may read a row of a tile, blend a value in and
// write the row back: AVX-512 stores 16-bit elements under a mask, AVX2 and NEON
// store them one by one.

// storeKeyAVX512 and storeKeyAVX2 store blocks*32 dimensions. tiles points to
// the key's dword of the first pair.

//go:noescape
func storeKeyAVX512(tiles *byte, key *float32, blocks uintptr)

//go:noescape
func storeKeyAVX2(tiles *byte, key *float32, blocks uintptr)

// storeValueAVX512 and storeValueAVX2 store count*16 dimensions. tiles points to
// the row of dwords, for AVX2 to the half that is meant; odd says which half it
// is, 1 for the upper.

//go:noescape
func storeValueAVX512(tiles *byte, value *float32, count, odd uintptr)

//go:noescape
func storeValueAVX2(tiles *byte, value *float32, count uintptr)

// These run the kernels on whole tiles; the rest is done in Go.

func storeKey(tiles []byte, n int, key []float32) {
	if blocks := len(key) / BlockK; vectors() && blocks > 0 {
		at := &tiles[:blocks*2*bf16TileBytes][n*4]
		if level >= cpu.AVX512 {
			storeKeyAVX512(at, unsafe.SliceData(key), uintptr(blocks))
		} else {
			storeKeyAVX2(at, unsafe.SliceData(key), uintptr(blocks))
		}
		tiles, key = tiles[blocks*2*bf16TileBytes:], key[blocks*BlockK:]
	}
	storeKeyGeneric(tiles, n, key)
}

func storeValue(tiles []byte, k int, value []float32) {
	if count := len(value) / TileN; vectors() && count > 0 {
		row := tiles[:count*2*bf16TileBytes][k/2*TileN*4:]
		if level >= cpu.AVX512 {
			storeValueAVX512(&row[0], unsafe.SliceData(value), uintptr(count), uintptr(k%2))
		} else {
			storeValueAVX2(&row[k%2*2], unsafe.SliceData(value), uintptr(count))
		}
		tiles, value = tiles[count*2*bf16TileBytes:], value[count*TileN:]
	}
	storeValueGeneric(tiles, k, value)
}
