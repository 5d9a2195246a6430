//go:build !purego

package kernel

import "unsafe"

// The linear layer on AVX2. Why assembly: the compiler does not vectorise. A core
// does 16 products a cycle here; the twin needs 17 to 37 times as long (BenchmarkLinear).

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
func linearMinY2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)

//go:noescape
func linearMinY3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)

//go:noescape
func linearScaleY2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)

//go:noescape
func linearScaleY3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)

//go:noescape
func linearBF16Y2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)

//go:noescape
func linearBF16Y3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)

//go:noescape
func linearBF16x2Y2(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later, tiles *byte, blocks uintptr)

//go:noescape
func linearBF16x2Y3(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later, tiles *byte, blocks uintptr)

//go:noescape
func expandQ41Y(wide, tiles *byte, blocks, ahead uintptr)

//go:noescape
func expandQ40Y(wide, tiles *byte, blocks, ahead uintptr)

//go:noescape
func expandQ8Y(wide, tiles *byte, blocks, ahead uintptr)

// oneRowKernels has, by format, the kernels of one row of a panel, which add to out.
var oneRowKernels = [...]func(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr){
	tileBF16: linearBF16Y1,
	tileQ8_0: linearQ8Y1,
	tileQ4_0: linearQ40Y1,
	tileQ4_1: linearQ41Y1,
}

// A fewRowsKernel adds the products of a panel with 2 or 3 rows to out. Its tiles are
// packed, or expanded to float32: then scales is where the first packed tile has its
// scales, and minima behind them; the next tile's are scaleStride bytes further on.
type fewRowsKernel = func(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)

// fewRowsKernels has, by format, those of 2 and 3 rows, and what expands quantised
// tiles for them, which meanwhile asks memory for those ahead bytes further on.
var fewRowsKernels = [...]struct {
	run    [2]fewRowsKernel
	expand func(wide, tiles *byte, blocks, ahead uintptr)
	scales int // where a tile has its scales
}{
	tileBF16: {[2]fewRowsKernel{linearBF16Y2, linearBF16Y3}, nil, 0},
	tileQ8_0: {[2]fewRowsKernel{linearScaleY2, linearScaleY3}, expandQ8Y, tileWeights},
	tileQ4_0: {[2]fewRowsKernel{linearScaleY2, linearScaleY3}, expandQ40Y, tileWeights / 2},
	tileQ4_1: {[2]fewRowsKernel{linearMinY2, linearMinY3}, expandQ41Y, tileWeights / 2},
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

// expandedBlocks is how many tiles are expanded at a time: they stay in the
// processor's first cache, beside the three rows that they are multiplied with.
const expandedBlocks = 8

func linearAVX2(a *linearArgs) {
	a.clear()
	switch {
	case a.table != nil:
		a.blockByBlock((*linearArgs).planesAVX2)
	case a.format == tileBF16x2:
		a.planesAVX2()
	case a.rows == 1:
		a.oneRowAVX2()
	default:
		a.rowsAVX2()
	}
}

// oneRowAVX2 is the linear layer of one row, which reads the weights as they are.
func (a *linearArgs) oneRowAVX2() {
	for done := 0; done < a.blocks; done += maxCallBlocks {
		blocks := uintptr(min(maxCallBlocks, a.blocks-done))
		for p := range a.panels {
			c := a.call(p, done)
			oneRowKernels[a.format](c.outRow(0), c.xRow(0), c.sumRow(0), (*byte)(c.tiles), blocks)
		}
	}
}

// rowsAVX2 is the linear layer of more rows. A panel's quantised tiles are expanded
// once for all of them, some blocks at a time.
func (a *linearArgs) rowsAVX2() {
	k, size := &fewRowsKernels[a.format], uintptr(a.format.bytes())
	stride, xStride, sumStride := uintptr(4*a.stride), uintptr(a.x.rowBytes()), uintptr(4*a.x.Blocks)
	most := maxCallBlocks
	if k.expand != nil {
		most = expandedBlocks
	}
	for done, blocks := range evenly(a.blocks, most) {
		for p := range a.panels {
			c := a.call(p, int(done))
			tiles, scales := (*byte)(c.tiles), (*byte)(unsafe.Add(c.tiles, k.scales))
			if k.expand != nil {
				tiles = unsafe.SliceData(a.scratch.wide[:4*tileWeights*blocks])
				k.expand(tiles, (*byte)(c.tiles), blocks, uintptr(a.panelBytes))
			}
			for r, n := range evenly(a.rows, mostRows) {
				k.run[n-2](c.outRow(r*stride), stride, c.xRow(r*xStride), xStride, c.sumRow(r*sumStride), sumStride, tiles, blocks, scales, size)
			}
		}
	}
}

// planesAVX2 is the linear layer of any rows and weights in two planes. The first
// rows' call of a panel asks for memory.
func (a *linearArgs) planesAVX2() {
	stride, xStride := uintptr(4*a.stride), uintptr(a.x.rowBytes())
	for done := 0; done < a.blocks; done += maxCallBlocks {
		blocks := uintptr(min(maxCallBlocks, a.blocks-done))
		for p := range a.panels {
			c := a.call(p, done)
			tiles := (*byte)(c.tiles)
			soon, later := a.asked(p)
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
