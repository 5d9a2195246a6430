//go:build !purego

package kernel

import "unsafe"

// The linear layer on AVX2. Why assembly: the compiler does not vectorise. A core
// does 16 products a cycle here; the twin needs some 20 to 40 times as long (BenchmarkLinear).

//go:noescape
func linearQ41Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)

//go:noescape
func linearQ40Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)

//go:noescape
func linearQ8Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2Y1(out *float32, x *byte, soon, later, tiles *byte, blocks uintptr)

//go:noescape
func scaleForNibbles(dst, x *byte, blocks uintptr)

//go:noescape
func linearBF16Y2(out *float32, stride uintptr, x *byte, xStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16Y3(out *float32, stride uintptr, x *byte, xStride uintptr, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2Y2(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2Y3(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later, tiles *byte, blocks uintptr)

// oneRowKernels has, by format, the kernels of one row of a panel, which add to out.
var oneRowKernels = [...]func(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr){
	tileBF16: linearBF16Y1,
	tileQ8_0: linearQ8Y1,
	tileQ4_0: linearQ40Y1,
	tileQ4_1: linearQ41Y1,
}

// bf16Kernels are those of 2 and 3 rows for weights in bf16.
var bf16Kernels = [...]func(out *float32, stride uintptr, x *byte, xStride uintptr, tiles *byte, blocks uintptr){
	linearBF16Y2, linearBF16Y3,
}

// planesKernels are those of 2 and 3 rows for weights in two planes. With each tile
// they ask for as many bytes at soon and at later, which move on as if tiles lay
// there in one run. linearBF16x2Y1 does so, too.
var planesKernels = [...]func(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later, tiles *byte, blocks uintptr){
	linearBF16x2Y2, linearBF16x2Y3,
}

// mostRows is the most rows of such kernels. Of 2 and more rows, evenly leaves none
// alone.
const mostRows = 3

func linearAVX2(a *linearArgs) {
	a.clear()
	switch {
	case a.rows >= groupsKernels[a.format].least:
		a.groupsAVX2()
	case a.table != nil:
		a.blockByBlock((*linearArgs).planesAVX2)
	case a.format == tileBF16x2:
		a.planesAVX2()
	case a.rows == 1:
		a.oneRowAVX2()
	default:
		a.bf16AVX2()
	}
}

// oneRowAVX2 is the linear layer of one row, which reads the weights as they are.
func (a *linearArgs) oneRowAVX2() {
	nibbles, most := a.format == tileQ4_0 || a.format == tileQ4_1, maxCallBlocks
	if nibbles {
		most = len(a.scratch.wide) / a.x.form.bytes()
	}
	for done := 0; done < a.blocks; done += most {
		blocks := uintptr(min(most, a.blocks-done))
		x := unsafe.SliceData(a.x.at(0, done))
		if nibbles {
			x = unsafe.SliceData(a.scratch.wide)
			scaleForNibbles(x, unsafe.SliceData(a.x.at(0, done)), blocks)
		}
		for p := range a.panels {
			c := a.call(p, done)
			oneRowKernels[a.format](c.outRow(0), x, c.sumRow(0), (*byte)(c.tiles), blocks)
		}
	}
}

// bf16AVX2 is the linear layer of more rows and weights in bf16, which are used as
// they are packed.
func (a *linearArgs) bf16AVX2() {
	stride, xStride := uintptr(4*a.stride), uintptr(a.x.rowBytes())
	for done := 0; done < a.blocks; done += maxCallBlocks {
		blocks := uintptr(min(maxCallBlocks, a.blocks-done))
		for p := range a.panels {
			c := a.call(p, done)
			for r, n := range evenly(a.rows, mostRows) {
				bf16Kernels[n-2](c.outRow(r*stride), stride, c.xRow(r*xStride), xStride, (*byte)(c.tiles), blocks)
			}
		}
	}
}

// planesAVX2 is the linear layer of few rows and weights in two planes. The first
// rows' call of a panel asks for memory.
func (a *linearArgs) planesAVX2() {
	stride, xStride := uintptr(4*a.stride), uintptr(a.x.rowBytes())
	for done := 0; done < a.blocks; done += maxCallBlocks {
		blocks := uintptr(min(maxCallBlocks, a.blocks-done))
		for p := range a.panels {
			c := a.call(p, done)
			tiles := (*byte)(c.tiles)
			soon, later := asked(a.beside, p*a.panelBytes)
			if soon == nil {
				soon, later = tiles, tiles // which are there
			}
			if a.rows == 1 {
				linearBF16x2Y1(c.outRow(0), c.xRow(0), soon, later, tiles, blocks)
				continue
			}
			for r, n := range evenly(a.rows, mostRows) {
				planesKernels[n-2](c.outRow(r*stride), stride, c.xRow(r*xStride), xStride, soon, later, tiles, blocks)
				soon, later = tiles, tiles
			}
		}
	}
}
