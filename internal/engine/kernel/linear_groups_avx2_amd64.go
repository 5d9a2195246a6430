//go:build !purego

package kernel

import "unsafe"

// The linear layer of many rows on AVX2: tiles are expanded to float32, once for up to
// maxCallRows rows.

//go:noescape
func linearMinGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearMinGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearScaleGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearScaleGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearUnscaledGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearUnscaledGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearPlanesGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func linearPlanesGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

//go:noescape
func expandQ41Y(wide, tiles *byte, blocks, ahead uintptr)

//go:noescape
func expandQ40Y(wide, tiles *byte, blocks, ahead uintptr)

//go:noescape
func expandQ8Y(wide, tiles *byte, blocks, ahead uintptr)

//go:noescape
func expandBF16Y(wide, tiles *byte, blocks, soon, later uintptr)

// A groupsKernel adds the products of a panel with groups of 2 or 3 rows each to
// out. The panel's tiles have been expanded to float32, scales included; a tile of two
// planes is two.
type groupsKernel = func(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)

// groupsKernels has, by format, those of 2 and of 3 rows, from how many rows on they
// are faster than what uses tiles as they are packed, and what expands quantised tiles,
// which meanwhile asks memory for those ahead bytes further on.
var groupsKernels = [...]struct {
	twos, threes groupsKernel
	least        int
	expand       func(wide, tiles *byte, blocks, ahead uintptr)
}{
	tileBF16:   {linearUnscaledGroups2, linearUnscaledGroups3, 12, nil},
	tileBF16x2: {linearPlanesGroups2, linearPlanesGroups3, 18, nil},
	tileQ8_0:   {linearScaleGroups2, linearScaleGroups3, 2, expandQ8Y},
	tileQ4_0:   {linearScaleGroups2, linearScaleGroups3, 2, expandQ40Y},
	tileQ4_1:   {linearMinGroups2, linearMinGroups3, 2, expandQ41Y},
}

const (
	// expandedTiles is how many tiles are expanded at a time: they stay in the
	// processor's first cache, beside the three rows that they are multiplied with.
	expandedTiles = 8

	// expandedTileBytes is the size of one: weights, scales and minima. The assembly
	// knows it as TILE.
	expandedTileBytes = 4 * (tileWeights + 2*TileN)

	// maxCallRows bounds a call as maxCallBlocks does, and the rows that wait in the
	// processor's second cache for the next panel.
	maxCallRows = 64
)

// groupsAVX2 expands a part of a panel's tiles, which some rows are then multiplied
// with. The same part of the next panels comes next, while the rows' part of x is still
// in the second cache.
func (a *linearArgs) groupsAVX2() {
	k, most := &groupsKernels[a.format], expandedTiles
	if a.format == tileBF16x2 {
		most /= 2
	}
	stride, xStride, sumStride := uintptr(4*a.stride), uintptr(a.x.rowBytes()), uintptr(4*a.x.Blocks)
	wide := unsafe.SliceData(a.scratch.wide[:expandedTiles*expandedTileBytes])
	for first, rows := range evenly(a.rows, maxCallRows) {
		twos, threes := rowGroups(rows)
		for done, blocks := range evenly(a.blocks, most) {
			for p := range a.panels {
				a.expandAVX2(p, int(done), int(blocks))
				c, r := a.call(p, int(done)), first
				if twos > 0 {
					k.twos(c.outRow(r*stride), stride, c.xRow(r*xStride), xStride, c.sumRow(r*sumStride), sumStride, wide, blocks, twos)
					r += 2 * twos
				}
				if threes > 0 {
					k.threes(c.outRow(r*stride), stride, c.xRow(r*xStride), xStride, c.sumRow(r*sumStride), sumStride, wide, blocks, threes)
				}
			}
		}
	}
}

// rowGroups cuts rows, 2 or more, into groups of 3 and of 2, as few of these as can be.
func rowGroups(rows uintptr) (twos, threes uintptr) {
	twos = (3 - rows%3) % 3
	return twos, (rows - 2*twos) / 3
}

// expandAVX2 expands panel p's tiles of blocks blocks from first on. Meanwhile it asks
// memory for the next panel's or, where weights have two planes, for what is said to be
// read soon.
func (a *linearArgs) expandAVX2(p, first, blocks int) {
	wide := a.scratch.wide
	tile := unsafe.SliceData(a.tile(p, first))
	switch {
	case a.format == tileBF16:
		next := uintptr(unsafe.Pointer(tile)) + uintptr(a.panelBytes) // a number: it may lie outside the weights
		expandBF16Y(unsafe.SliceData(wide), tile, uintptr(blocks), next, next)
	case a.format == tileBF16x2:
		for i := range blocks {
			a.expandPlanesAVX2(wide[2*i*expandedTileBytes:], p, first+i)
		}
	default:
		groupsKernels[a.format].expand(unsafe.SliceData(wide), tile, uintptr(blocks), uintptr(a.panelBytes))
	}
}

// expandPlanesAVX2 is expandAVX2 for panel p's tile of two planes of block b.
func (a *linearArgs) expandPlanesAVX2(wide []byte, p, b int) {
	tile := unsafe.SliceData(a.tile(p, b))
	beside, at := a.beside, p*a.panelBytes
	switch {
	case a.table == nil:
		at += b * a.format.bytes()
	case b < len(a.after):
		beside[0] = a.after[b]
	}
	soon, later := asked(beside, at)
	if soon == nil {
		soon, later = tile, tile // which is there
	}
	expandBF16Y(unsafe.SliceData(wide), tile, 2, uintptr(unsafe.Pointer(soon)), uintptr(unsafe.Pointer(later)))
}
