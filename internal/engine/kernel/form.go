package kernel

import (
	"math"
	"unsafe"

	"tinsmith.example/internal/cpu"
)

// A form is how memory holds one block of one row of planes: as the kernel that
// reads it wants it. Every form holds the same values.
type form uint8

const (
	// formFloats, for multiply-add units: float32 [2 planes][32 k].
	formFloats form = iota
	// formQuads, for VDPBF16PS: bf16 [2 planes][8 q][4], of k = 4q+2, 4q, 4q+3 and
	// 4q+1. A dword is two steps of one chain, the upper half first.
	formQuads
	// formTileRows, for TDPBF16PS: bf16 [2 planes][32 k]. A plane is a row of a
	// tile.
	formTileRows
)

// bytes is the size of one block of one row.
func (f form) bytes() int {
	if f == formFloats {
		return 4 * planeValues
	}
	return 2 * planeValues
}

// formFor is the form for a linear layer of that many rows.
func formFor(rows int) form {
	switch level {
	case cpu.AVX512BF16:
		return formQuads
	case cpu.AMX:
		if rows >= minTileRows {
			return formTileRows
		}
	}
	return formFloats
}

// minTileRows is from how many rows on the matrix unit is faster than the
// multiply-add units, which it keeps waiting for tiles that are mostly empty:
// one row over the default model took 5.5 ms against 3.9, sixteen 7.0.
const minTileRows = 4

// at is where a form has plane p of k, in values from the block's start.
func (f form) at(p, k int) int {
	if f == formQuads {
		return p*BlockK + k&^3 + [4]int{1, 3, 0, 2}[k&3]
	}
	return p*BlockK + k
}

// put writes a block's planes, [2][32].
func (f form) put(block []byte, planes *[planeValues]float32) {
	if f == formFloats {
		copy(floatsOf(block[:f.bytes()]), planes[:])
		return
	}
	out := halvesOf(block[:f.bytes()])
	for i, v := range planes {
		out[f.at(i/BlockK, i%BlockK)] = uint16(math.Float32bits(v) >> 16)
	}
}

// get reads what put wrote.
func (f form) get(planes *[planeValues]float32, block []byte) {
	if f == formFloats {
		copy(planes[:], floatsOf(block[:f.bytes()]))
		return
	}
	in := halvesOf(block[:f.bytes()])
	for i := range planes {
		planes[i] = FromBF16(in[f.at(i/BlockK, i%BlockK)])
	}
}

// floatsOf and halvesOf are b, which is aligned, as values of this machine.
func floatsOf(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

func halvesOf(b []byte) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}
