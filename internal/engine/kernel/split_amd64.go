//go:build !purego

package kernel

import (
	"unsafe"

	"tinsmith.example/internal/cpu"
)

//go:noescape
func splitFloatsAVX512(data *byte, sums, x *float32, blocks uintptr)

//go:noescape
func splitQuadsAVX512(data *byte, sums, x *float32, blocks uintptr)

//go:noescape
func splitTileRowsAVX512(data *byte, sums, x *float32, blocks uintptr)

//go:noescape
func splitAVX2(data *byte, sums, x *float32, blocks uintptr)

func splitBlocks(f form, data []byte, sums, x []float32) {
	run := splitAVX2
	switch {
	case level == cpu.Portable:
		splitBlocksGeneric(f, data, sums, x)
		return
	case f == formQuads:
		run = splitQuadsAVX512
	case f == formTileRows:
		run = splitTileRowsAVX512
	case level >= cpu.AVX512:
		run = splitFloatsAVX512
	}
	for len(sums) > 0 {
		n := min(len(sums), maxCallVectors)
		_, _ = data[n*f.bytes()-1], x[n*BlockK-1]
		run(unsafe.SliceData(data), unsafe.SliceData(sums), unsafe.SliceData(x), uintptr(n))
		data, sums, x = data[n*f.bytes():], sums[n:], x[n*BlockK:]
	}
}
