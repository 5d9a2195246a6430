package kernel

// BlockK is how many consecutive k a block has: the unit in which the linear
// layer sums, and in which formats hold their scales.
const BlockK = 32

// planeFloats is the size of one block of one row in Planes.Data.
const planeFloats = 2 * BlockK

// Planes holds rows of activations, each split into two bf16 planes: hi =
// bf16(x), lo = bf16(x-hi). A row is padded with +0 to whole blocks.
//
// The values are kept as float32, which holds them exactly. Data is [rows,
// blocks, 2, 32]: of each block first the 32 hi values, then the 32 lo. Sums
// is [rows, blocks], the sum of each block's x by [blockSum]'s order.
type Planes struct {
	K      int // columns, before padding
	Blocks int // per row: ceil(K/32)
	Data   []float32
	Sums   []float32
}

// NewPlanes has room for rows of k columns, all +0.
func NewPlanes(rows, k int) *Planes {
	blocks := (k + BlockK - 1) / BlockK
	return &Planes{
		K:      k,
		Blocks: blocks,
		Data:   alignedFloats(rows * blocks * planeFloats),
		Sums:   make([]float32, rows*blocks),
	}
}

// Rows is how many rows there is room for.
func (p *Planes) Rows() int { return len(p.Sums) / p.Blocks }

// Split splits x, one whole row of K values, into row.
func (p *Planes) Split(row int, x []float32) {
	p.SplitBlocks(row, 0, x[:p.K])
}

// SplitBlocks splits x into row from block first on. len(x) is a multiple of
// 32, or reaches the row's end. Different blocks of one row may be split by
// different goroutines.
func (p *Planes) SplitBlocks(row, first int, x []float32) {
	at := row*p.Blocks + first
	for len(x) >= BlockK {
		n := len(x) / BlockK
		splitBlocks(p.Data[at*planeFloats:(at+n)*planeFloats], p.Sums[at:at+n], x[:n*BlockK])
		x, at = x[n*BlockK:], at+n
	}
	if len(x) > 0 {
		var padded [BlockK]float32
		copy(padded[:], x)
		splitBlocks(p.Data[at*planeFloats:(at+1)*planeFloats], p.Sums[at:at+1], padded[:])
	}
}

// splitBlocksGeneric splits len(sums) blocks of x: data is [blocks, 2, 32].
func splitBlocksGeneric(data, sums, x []float32) {
	for b := range sums {
		in := (*[BlockK]float32)(x[b*BlockK:])
		out := (*[planeFloats]float32)(data[b*planeFloats:])
		for i, v := range in {
			hi := toBF16(v)
			out[i] = hi
			out[BlockK+i] = toBF16(v - hi)
		}
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
