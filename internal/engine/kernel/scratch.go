package kernel

// Scratch is the working memory of one goroutine's linear layers. Its contents
// mean nothing between calls.
type Scratch struct {
	wide  []byte       // tiles with their weights expanded to bf16 or float32; one row of x, divided
	tiles *tileScratch // nil before the matrix unit's first call
}

// wideBlocks is how many tiles are expanded at a time: they stay in the cache
// next to the processor's first.
const wideBlocks = 48

const (
	// tileBlocks is how many blocks of k a call has at most: 16 rows of them
	// stay in the first cache while the panels go by.
	tileBlocks = 6
	// tileGroup is how many tiles of rows use weights that are expanded once.
	tileGroup = 4
	// tilePanelsMost is how many panels go by, and so the size of the scratch.
	tilePanelsMost = 2 * tilePanels
)

// tileScratch is the part of Scratch that the matrix unit needs.
type tileScratch struct {
	acc  []float32 // [tileGroup][panels][16][16]
	wide []byte    // [panels][tileBlocks] tiles
	c    []byte    // [2][tileBlocks] tiles
}

func newTileScratch() *tileScratch {
	return &tileScratch{
		acc:  alignedFloats(tileGroup * tilePanelsMost * TileN * TileN),
		wide: AlignedBytes(tilePanelsMost * tileBlocks * bf16TileBytes),
		c:    AlignedBytes(2 * tileBlocks * 4 * TileN * TileN),
	}
}

// NewScratch makes working memory.
func NewScratch() *Scratch {
	return &Scratch{wide: AlignedBytes(wideBlocks * bf16TileBytes)}
}
