//go:build !purego

package kernel

import (
	"unsafe"

	"tinsmith.example/internal/cpu"
)

//go:noescape
func splitNEON(data *byte, sums, x *float32, blocks uintptr)

func splitBlocks(f form, data []byte, sums, x []float32) {
	for level == cpu.NEON && f == formFloats && len(sums) > 0 {
		n := min(len(sums), maxCallVectors)
		_, _ = data[n*f.bytes()-1], x[n*BlockK-1]
		splitNEON(unsafe.SliceData(data), unsafe.SliceData(sums), unsafe.SliceData(x), uintptr(n))
		data, sums, x = data[n*f.bytes():], sums[n:], x[n*BlockK:]
	}
	splitBlocksGeneric(f, data, sums, x)
}
