package kernel

// BlockK is how many consecutive k a block has: the unit in which the linear
// layer sums, and in which formats hold their scales.
const BlockK = 32

// planeValues is how many values one block of one row has in its two planes.
const planeValues = 2 * BlockK

// Planes holds rows of activations, each split into two bf16 planes: hi =
// bf16(x), lo = bf16(x-hi). A row is padded with +0 to whole blocks.
//
// How the values lie is the kernels' affair ([form]); it depends on how many
// rows a linear layer takes, so [Planes.Reset] comes before the rows.
type Planes struct {
	K      int // columns, before padding
	Blocks int // per row: ceil(K/32)
	form   form
	data   []byte    // [rows, blocks] of form.bytes()
	sums   []float32 // the sum of each block's x by [blockSum]'s order, at sumIndex
}

// NewPlanes has room for rows of k columns, in the form for that many.
func NewPlanes(rows, k int) *Planes {
	blocks := (k + BlockK - 1) / BlockK
	return &Planes{
		K:      k,
		Blocks: blocks,
		form:   formFor(rows),
		data:   AlignedBytes(rows * blocks * formFloats.bytes()), // the largest form
		sums:   make([]float32, (rows+TileN-1)/TileN*TileN*blocks),
	}
}

// Reset makes p ready for rows that go through linear layers together, that
// many of them. What p held is lost.
func (p *Planes) Reset(rows int) { p.form = formFor(rows) }

// PanelsAtOnce is how many panels one MulPanels should have at least to be
// worth its start.
func (p *Planes) PanelsAtOnce() int {
	if p.form == formTileRows {
		return tilePanels
	}
	return 1
}

// tilePanels is how many panels share the rows that a block of k has brought
// into the cache.
const tilePanels = 6

// Split splits x, one whole row of K values, into row.
func (p *Planes) Split(row int, x []float32) {
	p.SplitBlocks(row, 0, x[:p.K])
}

// SplitBlocks splits x into row from block first on. len(x) is a multiple of
// 32, or reaches the row's end. Different blocks of one row may be split by
// different goroutines.
func (p *Planes) SplitBlocks(row, first int, x []float32) {
	if n := len(x) / BlockK; n > 0 {
		p.splitWhole(row, first, x[:n*BlockK])
		x, first = x[n*BlockK:], first+n
	}
	if len(x) > 0 {
		var padded [BlockK]float32
		copy(padded[:], x)
		p.splitWhole(row, first, padded[:])
	}
}

func (p *Planes) splitWhole(row, first int, x []float32) {
	at, n := row*p.Blocks+first, len(x)/BlockK
	if p.form != formTileRows {
		splitBlocks(p.form, p.blocks(at, n), p.sums[at:at+n], x)
		return
	}
	var sums [32]float32 // on their way to places that are not side by side
	for done := 0; done < n; {
		part := min(len(sums), n-done)
		splitBlocks(p.form, p.blocks(at+done, part), sums[:part], x[done*BlockK:(done+part)*BlockK])
		for _, s := range sums[:part] {
			p.sums[p.sumIndex(row, first+done)] = s
			done++
		}
	}
}

// sumIndex is where a row's block has its sum: row by row or, where 16 rows make
// a tile, the 16 rows of a block side by side.
func (p *Planes) sumIndex(row, block int) int {
	if p.form == formTileRows {
		return (row/TileN*p.Blocks+block)*TileN + row%TileN
	}
	return row*p.Blocks + block
}

// blocks is n blocks from block at on, counted over all rows.
func (p *Planes) blocks(at, n int) []byte {
	size := p.form.bytes()
	return p.data[at*size : (at+n)*size]
}

// splitBlocksGeneric splits len(sums) blocks of x.
func splitBlocksGeneric(f form, data []byte, sums, x []float32) {
	var planes [planeValues]float32
	for b := range sums {
		in := (*[BlockK]float32)(x[b*BlockK:])
		for i, v := range in {
			hi := toBF16(v)
			planes[i] = hi
			planes[BlockK+i] = toBF16(v - hi)
		}
		f.put(data[b*f.bytes():], &planes)
		sums[b] = blockSum(in)
	}
}

// blockSum adds a block's 32 values: 16 lanes of two, then the lanes folded in
// halves ([fold]).
func blockSum(x *[BlockK]float32) float32 {
	var lanes [16]float32
	for l := range lanes {
		lanes[l] = x[l] + x[l+16]
	}
	return fold(&lanes)
}

// fold adds 16 lanes in halves: lane l and l+8, then l and l+4, l+2, l+1. It
// destroys them. Every sum over lanes in this package ends with it.
func fold(v *[16]float32) float32 {
	for half := 8; half > 0; half /= 2 {
		for l := range half {
			v[l] += v[l+half]
		}
	}
	return v[0]
}
