//go:build !purego

package kernel

import (
	"unsafe"

	"tinsmith.example/internal/cpu"
)

var useAVX512 = func() bool {
	level, err := cpu.Chosen()
	return err == nil && level >= cpu.AVX512
}()

// Why assembly: the compiler does not vectorise. One AVX-512 core does 16
// products an instruction; the twin needs 30 to 60 times as long.

//go:noescape
func linearBF16R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ8R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ8R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ8R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ8R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ40R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ40R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ40R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ40R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ41R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ41R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ41R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ41R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

type panelKernel = func(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

// panelKernels has, by format, the kernels of each number of rows, most rows
// first. A kernel of R rows keeps 4R chains in registers: 6 rows fill them.
var panelKernels = [...][4]struct {
	rows int
	run  panelKernel
}{
	tileBF16:   {{6, linearBF16R6}, {4, linearBF16R4}, {2, linearBF16R2}, {1, linearBF16R1}},
	tileBF16x2: {{6, linearBF16x2R6}, {4, linearBF16x2R4}, {2, linearBF16x2R2}, {1, linearBF16x2R1}},
	tileQ8_0:   {{6, linearQ8R6}, {4, linearQ8R4}, {2, linearQ8R2}, {1, linearQ8R1}},
	tileQ4_0:   {{6, linearQ40R6}, {4, linearQ40R4}, {2, linearQ40R2}, {1, linearQ40R1}},
	tileQ4_1:   {{6, linearQ41R6}, {4, linearQ41R4}, {2, linearQ41R2}, {1, linearQ41R1}},
}

// maxCallBlocks bounds the blocks of one assembly call, which cannot be
// preempted: 6 rows of 256 blocks take about 30 µs.
const maxCallBlocks = 256

func linearRows(a linearArgs) {
	if !useAVX512 {
		linearGeneric(a)
		return
	}
	size := a.format.bytes()
	for done := 0; done < a.blocks; done += maxCallBlocks {
		n := min(maxCallBlocks, a.blocks-done)
		part := a
		part.x, part.sums, part.tiles = a.x[done*planeFloats:], a.sums[done:], a.tiles[done*size:]
		linearRun(part, n)
	}
}

func linearRun(a linearArgs, blocks int) {
	r := 0
	for _, k := range panelKernels[a.format] {
		for ; a.rows-r >= k.rows; r += k.rows {
			k.run(unsafe.SliceData(a.out[r*a.stride:]), uintptr(4*a.stride),
				unsafe.SliceData(a.x[r*a.rowBlk*planeFloats:]), uintptr(4*a.rowBlk*planeFloats),
				unsafe.SliceData(a.sums[r*a.rowBlk:]), uintptr(4*a.rowBlk),
				unsafe.SliceData(a.tiles), uintptr(blocks))
		}
	}
}
