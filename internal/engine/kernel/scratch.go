package kernel

// Scratch is the working memory of one goroutine's linear layers. Its contents
// mean nothing between calls.
type Scratch struct {
	wide []byte // tiles with their weights expanded to bf16
}

// wideBlocks is how many tiles are expanded at a time: they stay in the cache
// next to the processor's first.
const wideBlocks = 48

// NewScratch makes working memory.
func NewScratch() *Scratch {
	return &Scratch{wide: AlignedBytes(wideBlocks * bf16TileBytes)}
}
