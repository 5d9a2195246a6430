//go:build !purego

package kernel

import "unsafe"

// The matrix unit (AMX). Every call configures it, computes and releases it: the
// system does not keep its state for a goroutine. docs/arithmetic.md,
// "Planes", says why its sums are the definition's.

// tileCall is what the kernels of quantised weights take: up to 16 rows, some
// panels, a few blocks of k. The assembly knows the fields' places.
type tileCall struct {
	acc        *float32    // 0: [panels][16 rows][16], added to
	x          *byte       // 8: the rows' first block
	xStride    uintptr     // 16: bytes from row to row
	sums       *float32    // 24: [blocks][16 rows]
	tiles      *byte       // 32: the first panel's first block
	panelBytes uintptr     // 40: from panel to panel
	wide       *byte       // 48: [panels][blocks] tiles expanded to bf16
	blocks     uintptr     // 56: 1 to tileBlocks
	panels     uintptr     // 64: at least 1
	expand     uintptr     // 72: 1: fill wide; 0: it is
	config     *tileConfig // 80
	even, odd  *byte       // 88, 96: [blocks] products of a panel, in turn
}

// tilePairCall is what the kernels of bf16 weights take: up to 32 rows.
type tilePairCall struct {
	out        *float32    // 0: the first row's first panel, added to
	stride     uintptr     // 8: bytes from row to row
	x          *byte       // 16
	xStride    uintptr     // 24
	tiles      *byte       // 32
	panelBytes uintptr     // 40
	blocks     uintptr     // 48
	panels     uintptr     // 56
	next       *[]byte     // 64: the second block's entry in a table; nil: the blocks lie in one run
	offset     uintptr     // 72: of the first panel's tile in an entry
	config     *tileConfig // 80
	second     uintptr     // 88: 1: there are more than 16 rows
}

//go:noescape
func linearQ8Tiles(c *tileCall)

//go:noescape
func linearQ40Tiles(c *tileCall)

//go:noescape
func linearQ41Tiles(c *tileCall)

//go:noescape
func linearBF16Tiles(c *tilePairCall)

//go:noescape
func linearBF16x2Tiles(c *tilePairCall)

// tileConfig is the operand of LDTILECFG.
type tileConfig struct {
	palette  byte
	_        [15]byte // the row to start at, 0, and what is reserved
	rowBytes [16]uint16
	rows     [16]byte
}

// Tiles of rows and of weights, by how many rows there are: tiles 0 to 5 (x and
// sums), or of the first and the second 16 rows by parity of their pairs.
var (
	rowConfigs  [TileN + 1]tileConfig   // 1 to 16 rows
	pairConfigs [2*TileN + 1]tileConfig // 1 to 32
)

func init() {
	for n := 1; n <= TileN; n++ {
		rowConfigs[n] = newTileConfig([8]int{n, n, n, n, n, n, TileN, TileN})
	}
	for n := 1; n <= 2*TileN; n++ {
		a, b := min(n, TileN), max(0, n-TileN)
		pairConfigs[n] = newTileConfig([8]int{a, a, b, b, a, b, TileN, TileN})
	}
}

func newTileConfig(rows [8]int) tileConfig {
	c := tileConfig{palette: 1}
	for t, n := range rows {
		if n > 0 {
			c.rows[t], c.rowBytes[t] = byte(n), 4*TileN
		}
	}
	return c
}

var tileKernels = [...]func(c *tileCall){
	tileQ8_0: linearQ8Tiles,
	tileQ4_0: linearQ40Tiles,
	tileQ4_1: linearQ41Tiles,
}

// linearTiles is the linear layer on the matrix unit.
func linearTiles(a *linearArgs) {
	switch a.format {
	case tileBF16:
		tilePairs(a, linearBF16Tiles)
	case tileBF16x2:
		tilePairs(a, linearBF16x2Tiles)
	default:
		if a.x.row%TileN != 0 {
			panic("kernel: rows of tiles begin at a multiple of 16")
		}
		for p := 0; p < a.panels; p += tilePanelsMost {
			for r := 0; r < a.rows; r += tileGroup * TileN {
				tileRows(a, p, min(tilePanelsMost, a.panels-p), r, min(tileGroup*TileN, a.rows-r))
			}
		}
	}
}

// tileRows does some panels for rows r to r+rows-1, a few tiles of them.
func tileRows(a *linearArgs, panel, panels, r, rows int) {
	if a.scratch.tiles == nil {
		a.scratch.tiles = newTileScratch()
	}
	s := a.scratch.tiles
	const square = TileN * TileN
	loadAcc(a, s.acc, panel, panels, r, rows)
	for b := 0; b < a.blocks; b += tileBlocks {
		c := tileCall{
			xStride:    uintptr(a.x.rowBytes()),
			tiles:      unsafe.SliceData(a.tile(panel, b)),
			panelBytes: uintptr(a.panelBytes),
			wide:       unsafe.SliceData(s.wide),
			blocks:     uintptr(min(tileBlocks, a.blocks-b)),
			panels:     uintptr(panels),
			expand:     1,
			even:       unsafe.SliceData(s.c),
			odd:        unsafe.SliceData(s.c[tileBlocks*4*square:]),
		}
		for t := 0; t < rows; t += TileN {
			c.acc = unsafe.SliceData(s.acc[t/TileN*panels*square:])
			c.x = unsafe.SliceData(a.x.at(r+t, b))
			c.sums = a.x.sum(r+t, b)
			c.config = &rowConfigs[min(TileN, rows-t)]
			tileKernels[a.format](&c)
			c.expand = 0
		}
	}
	saveAcc(a, s.acc, panel, panels, r, rows)
}

// loadAcc copies out to acc, [tiles of rows][panels][16][16]. Rows that are not
// there stay what they are: nothing of them is kept.
func loadAcc(a *linearArgs, acc []float32, panel, panels, r, rows int) {
	for i := range rows {
		for p := range panels {
			copy(accRow(acc, panels, i, p), a.out[(r+i)*a.stride+(panel+p)*TileN:])
		}
	}
}

func saveAcc(a *linearArgs, acc []float32, panel, panels, r, rows int) {
	for i := range rows {
		for p := range panels {
			copy(a.out[(r+i)*a.stride+(panel+p)*TileN:], accRow(acc, panels, i, p))
		}
	}
}

func accRow(acc []float32, panels, row, panel int) []float32 {
	at := ((row/TileN*panels+panel)*TileN + row%TileN) * TileN
	return acc[at : at+TileN]
}

// tilePairs does two tiles of rows after the other.
func tilePairs(a *linearArgs, run func(*tilePairCall)) {
	c := tilePairCall{
		stride:     uintptr(4 * a.stride),
		xStride:    uintptr(a.x.rowBytes()),
		panelBytes: uintptr(a.panelBytes),
		offset:     uintptr(a.offset),
	}
	for b := 0; b < a.blocks; b += tilePairBlocks {
		c.blocks = uintptr(min(tilePairBlocks, a.blocks-b))
		if b+1 < len(a.table) {
			c.next = &a.table[b+1]
		}
		for p := 0; p < a.panels; p += tilePanelsMost {
			c.panels = uintptr(min(tilePanelsMost, a.panels-p))
			c.offset = uintptr(a.offset + p*a.panelBytes)
			c.tiles = unsafe.SliceData(a.tile(p, b))
			for r := 0; r < a.rows; r += 2 * TileN {
				n := min(2*TileN, a.rows-r)
				c.out = unsafe.SliceData(a.out[r*a.stride+p*TileN:])
				c.x = unsafe.SliceData(a.x.at(r, b))
				c.config = &pairConfigs[n]
				c.second = uintptr(n / (TileN + 1))
				run(&c)
			}
		}
	}
}

// tilePairBlocks bounds the blocks of a call: the weights of its panels stay in
// the second cache for all rows.
const tilePairBlocks = 48
