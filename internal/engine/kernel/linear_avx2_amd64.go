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
func linearMinGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearMinGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearScaleGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearScaleGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

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

// A groupsKernel adds the products of a panel with groups of 2 or 3 rows each to
// out. The panel's tiles have been expanded to float32, scales included.
type groupsKernel = func(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

// groupsKernels has, by quantised format, those of 2 and of 3 rows, and what expands
// tiles for them, which meanwhile asks memory for those ahead bytes further on.
var groupsKernels = [...]struct {
	twos, threes groupsKernel
	expand       func(wide, tiles *byte, blocks, ahead uintptr)
}{
	tileQ8_0: {linearScaleGroups2, linearScaleGroups3, expandQ8Y},
	tileQ4_0: {linearScaleGroups2, linearScaleGroups3, expandQ40Y},
	tileQ4_1: {linearMinGroups2, linearMinGroups3, expandQ41Y},
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

// expandedBlocks is how many tiles are expanded at a time: they stay in the
// processor's first cache, beside the three rows that they are multiplied with.
const expandedBlocks = 8

// maxCallGroups bounds a call as maxCallBlocks does.
const maxCallGroups = 32

func linearAVX2(a *linearArgs) {
	a.clear()
	switch {
	case a.table != nil:
		a.blockByBlock((*linearArgs).planesAVX2)
	case a.format == tileBF16x2:
		a.planesAVX2()
	case a.rows == 1:
		a.oneRowAVX2()
	case a.format == tileBF16:
		a.bf16AVX2()
	default:
		a.groupsAVX2()
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

// groupsAVX2 is the linear layer of more rows and quantised weights. A panel's tiles
// are expanded once for all rows, some blocks at a time.
func (a *linearArgs) groupsAVX2() {
	k := &groupsKernels[a.format]
	stride, xStride, sumStride := uintptr(4*a.stride), uintptr(a.x.rowBytes()), uintptr(4*a.x.Blocks)
	wide := unsafe.SliceData(a.scratch.wide)
	twos, threes := rowGroups(a.rows)
	for done, blocks := range evenly(a.blocks, expandedBlocks) {
		for p := range a.panels {
			c := a.call(p, int(done))
			k.expand(wide, (*byte)(c.tiles), blocks, uintptr(a.panelBytes))
			if twos > 0 {
				k.twos(c.outRow(0), stride, c.xRow(0), xStride, c.sumRow(0), sumStride, wide, blocks, twos)
			}
			r := 2 * twos
			for left := threes; left > 0; {
				n := min(left, maxCallGroups)
				k.threes(c.outRow(r*stride), stride, c.xRow(r*xStride), xStride, c.sumRow(r*sumStride), sumStride, wide, blocks, n)
				r, left = r+3*n, left-n
			}
		}
	}
}

// rowGroups cuts rows, 2 or more, into groups of 3 and of 2, as few of these as can be.
func rowGroups(rows int) (twos, threes uintptr) {
	twos = uintptr((3 - rows%3) % 3)
	return twos, (uintptr(rows) - 2*twos) / 3
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
