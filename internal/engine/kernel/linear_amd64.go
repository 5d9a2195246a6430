//go:build !purego

package kernel

import (
	"iter"
	"unsafe"

	"tinsmith.example/internal/cpu"
)

// Why assembly: the compiler does not vectorise. One AVX-512 core does 16
// products an instruction, or 32 with VDPBF16PS; the twin needs 30 to 100 times
// as long.

//go:noescape
func linearBF16AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)

//go:noescape
func linearBF16x2SoonAVX512(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later *byte, tiles *byte, blocks, rows uintptr, next *[]byte, offset, keep uintptr)

//go:noescape
func linearBF16x2AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later *byte, tiles *byte, blocks, rows uintptr, next *[]byte, offset, keep uintptr)

//go:noescape
func linearQ8AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)

//go:noescape
func linearQ40AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)

//go:noescape
func linearQ41AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)

//go:noescape
func linearBF16Quads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)

//go:noescape
func linearBF16x2SoonQuads(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later *byte, tiles *byte, blocks, rows uintptr, next *[]byte, offset, keep uintptr)

//go:noescape
func linearBF16x2Quads(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later *byte, tiles *byte, blocks, rows uintptr, next *[]byte, offset, keep uintptr)

//go:noescape
func linearQ8Quads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)

//go:noescape
func linearQ40Quads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)

//go:noescape
func linearQ41Quads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)

//go:noescape
func linearWideScaleQuads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, rows uintptr, scales *byte, scaleStride, ahead, step, keep uintptr)

//go:noescape
func linearWideScaleMinQuads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, rows uintptr, scales *byte, scaleStride, ahead, step, keep uintptr)

//go:noescape
func expandQ8Quads(wide, tiles *byte, blocks uintptr)

//go:noescape
func expandQ40Quads(wide, tiles *byte, blocks uintptr)

//go:noescape
func expandQ41Quads(wide, tiles *byte, blocks uintptr)

// A panelKernel adds one panel's products to out: blocks tiles against rows rows,
// 1 to panelRows. out, x and sums are the first row's; strides are in bytes, from
// row to row. While it multiplies it asks memory for weights that come later: the
// first block for those ahead bytes behind its tile, each further one for those
// step bytes further on. keep is the mask of the outputs that are added to; the
// others are overwritten.
type panelKernel = func(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)

// panelRows is the most rows of a panelKernel, which keeps four chains of each
// row in registers.
const panelRows = 6

// The kernels of a whole panel, by format: for formFloats, and for formQuads.
var (
	floatKernels = [...]panelKernel{
		tileBF16: linearBF16AVX512,
		tileQ8_0: linearQ8AVX512,
		tileQ4_0: linearQ40AVX512,
		tileQ4_1: linearQ41AVX512,
	}
	quadKernels = [...]panelKernel{
		tileBF16: linearBF16Quads,
		tileQ8_0: linearQ8Quads,
		tileQ4_0: linearQ40Quads,
		tileQ4_1: linearQ41Quads,
	}
)

// maxCallBlocks bounds the blocks of one assembly call, which cannot be
// preempted: 6 rows of 256 blocks take about 30 µs.
const maxCallBlocks = 256

func linearRows(a *linearArgs) {
	switch {
	case level == cpu.Portable:
		a.clear()
		linearGeneric(a)
	case a.x.form == formTileRows:
		a.clear()
		linearTiles(a)
	case a.format == tileBF16x2 && a.x.form == formQuads:
		a.planesByPanel(linearBF16x2Quads, linearBF16x2SoonQuads)
	case a.format == tileBF16x2 && level >= cpu.AVX512:
		a.planesByPanel(linearBF16x2AVX512, linearBF16x2SoonAVX512)
	case a.x.form == formQuads && a.rows > panelRows && a.format != tileBF16:
		linearWide(a)
	case a.x.form == formQuads:
		a.panelByPanel(quadKernels[a.format])
	case level >= cpu.AVX512:
		a.panelByPanel(floatKernels[a.format])
	default:
		linearAVX2(a)
	}
}

// panelCall is where a call of a kernel begins. The bounds have been checked for
// the whole layer (linearArgs.check); checking them again for every call would
// take as long as a short call itself.
type panelCall struct {
	out   unsafe.Pointer
	x     unsafe.Pointer
	sums  unsafe.Pointer
	tiles unsafe.Pointer
}

// call is where panel p begins, at block b.
func (a *linearArgs) call(p, b int) panelCall {
	return panelCall{
		out:   unsafe.Pointer(unsafe.SliceData(a.out[p*TileN:])),
		x:     unsafe.Pointer(unsafe.SliceData(a.x.at(0, b))),
		sums:  unsafe.Pointer(a.x.sum(0, b)),
		tiles: unsafe.Pointer(unsafe.SliceData(a.tile(p, b))),
	}
}

func (c *panelCall) outRow(bytes uintptr) *float32 { return (*float32)(unsafe.Add(c.out, bytes)) }
func (c *panelCall) xRow(bytes uintptr) *byte      { return (*byte)(unsafe.Add(c.x, bytes)) }
func (c *panelCall) sumRow(bytes uintptr) *float32 { return (*float32)(unsafe.Add(c.sums, bytes)) }

// evenly cuts rows, or blocks, into groups of most or, where they do not divide, of
// as nearly the same size as can be: in a small group more of the time goes to what
// is done once for all of it. It yields where each group begins and its size.
func evenly(rows, most int) iter.Seq2[uintptr, uintptr] {
	return func(yield func(uintptr, uintptr) bool) {
		groups := (rows + most - 1) / most
		for r := 0; r < rows; groups-- {
			n := (rows - r + groups - 1) / groups
			if !yield(uintptr(r), uintptr(n)) {
				return
			}
			r += n
		}
	}
}

// ahead is where a call asks for the weights that come after its own, in bytes
// from them.
type ahead struct {
	start   uintptr
	step    uintptr // from block to block
	advance uintptr // from call to call of one panel
}

// aheadBytes is how far ahead of one call a panel, which reads its weights as
// fast as memory gives them.
const aheadBytes = 4096

// ahead is where the calls of a panel ask for weights. Several calls spread the
// next panel's over all of them: all at once would be more than memory gives.
func (a *linearArgs) ahead(blocks uintptr) ahead {
	size, calls := uintptr(a.format.bytes()), uintptr((a.rows+panelRows-1)/panelRows)
	if calls == 1 {
		return ahead{start: aheadBytes, step: size}
	}
	step := (size + calls - 1) / calls
	return ahead{uintptr(a.panelBytes), step, blocks * step}
}

// keep is the mask of out's lanes that are added to in the call that begins at
// block b: none, if that one overwrites them.
func (a *linearArgs) keep(b int) uintptr {
	if a.fresh && b == 0 {
		return 0
	}
	return 1<<TileN - 1
}

// panelByPanel runs the kernel on each panel, some rows at a time.
func (a *linearArgs) panelByPanel(run panelKernel) {
	stride, xStride, sumStride := uintptr(4*a.stride), uintptr(a.x.rowBytes()), uintptr(4*a.x.Blocks)
	for done := 0; done < a.blocks; done += maxCallBlocks {
		blocks := uintptr(min(maxCallBlocks, a.blocks-done))
		for p := range a.panels {
			c, next := a.call(p, done), a.ahead(blocks)
			for r, n := range evenly(a.rows, panelRows) {
				run(c.outRow(r*stride), stride, c.xRow(r*xStride), xStride, c.sumRow(r*sumStride), sumStride, (*byte)(c.tiles), blocks, n, next.start, next.step, a.keep(done))
				next.start += next.advance
			}
		}
	}
}

// A planesKernel is a panelKernel for weights in two planes. next is the second
// block's entry in a table, or nil if the tiles lie in one run; offset is where in
// a table's blocks the panel's tiles are. Those that ask memory for what is read
// soon do so with each tile, for as many bytes at soon and at later, which move on
// as if tiles lay there in one run; to the others these are nothing.
type planesKernel = func(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later *byte, tiles *byte, blocks, rows uintptr, next *[]byte, offset, keep uintptr)

// planesByPanel is panelByPanel for weights in two planes, which may lie in a
// table. The first rows' call of a panel asks, if there is anything to ask for.
func (a *linearArgs) planesByPanel(run, ask planesKernel) {
	stride, xStride := uintptr(4*a.stride), uintptr(a.x.rowBytes())
	step, after := maxCallBlocks, a.after
	if len(after) > 0 {
		step = a.panels // so that the panels' calls have time for one of them each
	}
	for done := 0; done < a.blocks; done += step {
		blocks := uintptr(min(step, a.blocks-done))
		var next *[]byte
		if len(a.table) > done+1 {
			next = &a.table[done+1]
		}
		for p := range a.panels {
			c, does := a.call(p, done), run
			soon, later := asked(a.beside, p*a.panelBytes)
			if len(after) > 0 {
				soon, after = unsafe.SliceData(after[0]), after[1:]
				later = soon
			}
			if soon != nil {
				does = ask
			}
			for r, n := range evenly(a.rows, panelRows) {
				does(c.outRow(r*stride), stride, c.xRow(r*xStride), xStride, soon, later, (*byte)(c.tiles), blocks, n, next, uintptr(a.offset+p*a.panelBytes), a.keep(done))
				does = run
			}
		}
	}
}

// asked is what is at at in both of beside: twice the one, if the other ends before.
// nil: both do.
func asked(beside [2][]byte, at int) (soon, later *byte) {
	if at < len(beside[0]) {
		soon = &beside[0][at]
	}
	if at < len(beside[1]) {
		later = &beside[1][at]
	}
	switch {
	case soon == nil:
		soon = later
	case later == nil:
		later = soon
	}
	return soon, later
}

// A wideKernel is a panelKernel for tiles that have been expanded to bf16: their
// scales, and minima behind them, lie in the packed tiles, scaleStride bytes from
// block to block; ahead counts from there.
type wideKernel = func(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, rows uintptr, scales *byte, scaleStride, ahead, step, keep uintptr)

// wideKernels has, by quantised format, what expands its tiles to bf16 and what
// multiplies the expanded tiles.
var wideKernels = [...]struct {
	expand func(wide, tiles *byte, blocks uintptr)
	run    wideKernel
	scales int // where a tile has its scales
}{
	tileQ8_0: {expandQ8Quads, linearWideScaleQuads, tileWeights},
	tileQ4_0: {expandQ40Quads, linearWideScaleQuads, tileWeights / 2},
	tileQ4_1: {expandQ41Quads, linearWideScaleMinQuads, tileWeights / 2},
}

// linearWide is panelByPanel with each panel's tiles expanded once for all rows,
// some blocks at a time, which then wait in the cache.
func linearWide(a *linearArgs) {
	k, size := &wideKernels[a.format], uintptr(a.format.bytes())
	stride, xStride, sumStride := uintptr(4*a.stride), uintptr(a.x.rowBytes()), uintptr(4*a.x.Blocks)
	wide := unsafe.SliceData(a.scratch.wide)
	for done := 0; done < a.blocks; done += wideBlocks {
		blocks := uintptr(min(wideBlocks, a.blocks-done))
		for p := range a.panels {
			c := a.call(p, done)
			k.expand(wide, (*byte)(c.tiles), blocks)
			scales, next := (*byte)(unsafe.Add(c.tiles, k.scales)), a.ahead(blocks)
			for r, n := range evenly(a.rows, panelRows) {
				k.run(c.outRow(r*stride), stride, c.xRow(r*xStride), xStride, c.sumRow(r*sumStride), sumStride, wide, blocks, n, scales, size, next.start, next.step, a.keep(done))
				next.start += next.advance
			}
		}
	}
}
