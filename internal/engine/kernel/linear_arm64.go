//go:build !purego

package kernel

import (
	"unsafe"

	"tinsmith.example/internal/cpu"
)

// Why assembly: the compiler does not vectorise. One instruction does 4
// products; what that gains on which machine was not measured.

//go:noescape
func linearBF16N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ8N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ8N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ8N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ8N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ40N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ40N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ40N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ40N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ41N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ41N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ41N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearQ41N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

type panelKernel = func(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)

// panelKernels has, by format, the kernels of each number of rows, most rows
// first. A kernel of R rows keeps 4R chains in registers: 6 rows, with four
// weights beside them, fill them. That of one row keeps the whole panel's.
var panelKernels = [...][4]struct {
	rows int
	run  panelKernel
}{
	tileBF16:   {{6, linearBF16N6}, {4, linearBF16N4}, {2, linearBF16N2}, {1, linearBF16N1}},
	tileBF16x2: {{6, linearBF16x2N6}, {4, linearBF16x2N4}, {2, linearBF16x2N2}, {1, linearBF16x2N1}},
	tileQ8_0:   {{6, linearQ8N6}, {4, linearQ8N4}, {2, linearQ8N2}, {1, linearQ8N1}},
	tileQ4_0:   {{6, linearQ40N6}, {4, linearQ40N4}, {2, linearQ40N2}, {1, linearQ40N1}},
	tileQ4_1:   {{6, linearQ41N6}, {4, linearQ41N4}, {2, linearQ41N2}, {1, linearQ41N1}},
}

// maxCallBlocks bounds the blocks of one assembly call, which cannot be
// preempted: 6 rows of 64 blocks are 100,000 vector instructions.
const maxCallBlocks = 64

func linearRows(a *linearArgs) {
	a.clear()
	if level == cpu.Portable {
		linearGeneric(a)
		return
	}
	if a.table != nil {
		a.blockByBlock(linearRows)
		return
	}
	size := a.format.bytes()
	for done := 0; done < a.blocks; done += maxCallBlocks {
		blocks := uintptr(min(maxCallBlocks, a.blocks-done))
		for p := range a.panels {
			out, tiles := a.out[p*TileN:], a.tiles[p*a.panelBytes+done*size:]
			r := 0
			for _, k := range panelKernels[a.format] {
				for ; a.rows-r >= k.rows; r += k.rows {
					k.run(unsafe.SliceData(out[r*a.stride:]), uintptr(4*a.stride),
						unsafe.SliceData(a.x.at(r, done)), uintptr(a.x.rowBytes()),
						a.x.sum(r, done), uintptr(4*a.x.Blocks),
						unsafe.SliceData(tiles), blocks)
				}
			}
		}
	}
}
