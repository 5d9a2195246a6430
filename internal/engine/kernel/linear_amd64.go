//go:build !purego

package kernel

import (
	"unsafe"

	"tinsmith.example/internal/cpu"
)

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

//go:noescape
func linearQ41Y1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearQ40Y1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearQ8Y1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearBF16Y1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearBF16x2Y1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearQ41Y2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearQ40Y2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearQ8Y2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearBF16Y2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearBF16x2Y2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearQ41Y3(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearQ40Y3(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearQ8Y3(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearBF16Y3(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

//go:noescape
func linearBF16x2Y3(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

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

type halfKernel = func(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)

// halfKernels has, by format, the AVX2 kernels of 1, 2 and 3 rows.
var halfKernels = [...][3]halfKernel{
	tileBF16:   {linearBF16Y1, linearBF16Y2, linearBF16Y3},
	tileBF16x2: {linearBF16x2Y1, linearBF16x2Y2, linearBF16x2Y3},
	tileQ8_0:   {linearQ8Y1, linearQ8Y2, linearQ8Y3},
	tileQ4_0:   {linearQ40Y1, linearQ40Y2, linearQ40Y3},
	tileQ4_1:   {linearQ41Y1, linearQ41Y2, linearQ41Y3},
}

// maxCallBlocks bounds the blocks of one assembly call, which cannot be
// preempted: 6 rows of 256 blocks take about 30 µs.
const maxCallBlocks = 256

func linearRows(a linearArgs) {
	if level == cpu.Portable {
		linearGeneric(a)
		return
	}
	size := a.format.bytes()
	for done := 0; done < a.blocks; done += maxCallBlocks {
		part := a
		part.blocks = min(maxCallBlocks, a.blocks-done)
		part.x, part.sums, part.tiles = a.x[done*planeFloats:], a.sums[done:], a.tiles[done*size:]
		if level >= cpu.AVX512 {
			linearAVX512(part)
		} else {
			linearAVX2(part)
		}
	}
}

func linearAVX512(a linearArgs) {
	r := 0
	for _, k := range panelKernels[a.format] {
		for ; a.rows-r >= k.rows; r += k.rows {
			k.run(unsafe.SliceData(a.out[r*a.stride:]), uintptr(4*a.stride),
				unsafe.SliceData(a.x[r*a.rowBlk*planeFloats:]), uintptr(4*a.rowBlk*planeFloats),
				unsafe.SliceData(a.sums[r*a.rowBlk:]), uintptr(4*a.rowBlk),
				unsafe.SliceData(a.tiles), uintptr(a.blocks))
		}
	}
}

func linearAVX2(a linearArgs) {
	for r := 0; r < a.rows; {
		n := min(3, a.rows-r)
		for half := range uintptr(2) {
			halfKernels[a.format][n-1](unsafe.SliceData(a.out[r*a.stride:]), uintptr(4*a.stride),
				unsafe.SliceData(a.x[r*a.rowBlk*planeFloats:]), uintptr(4*a.rowBlk*planeFloats),
				unsafe.SliceData(a.sums[r*a.rowBlk:]), uintptr(4*a.rowBlk),
				unsafe.SliceData(a.tiles), uintptr(a.blocks), half)
		}
		r += n
	}
}
