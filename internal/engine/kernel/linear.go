package kernel

// MulPanels computes the outputs of panels consecutive panels of the linear
// layer, from panel on, for the first rows of x:
//
//	out[r*stride + n] = sum over k of x[r][k] * w[n][k], n from 16*panel to 16*(panel+panels)-1
//
// out is [rows, stride] with stride >= m.PaddedN(), row r of it for row r of x.
// docs/arithmetic.md, "Linear layer", gives the order of the sum, which is the
// same for any count. Different panels and rows may be computed at once, each
// goroutine with a scratch of its own.
func (m *Matrix) MulPanels(s *Scratch, out []float32, stride int, x *Planes, rows, panel, panels int) {
	if x.Blocks != m.Blocks {
		panic("kernel: MulPanels: x and the matrix differ in K")
	}
	m.mulPanels(linear, s, out, stride, x.from(0, 0), rows, panel, panels)
}

// mulPanels is MulPanels by a kernel of the caller's choice.
func (m *Matrix) mulPanels(mul func(*linearArgs), s *Scratch, out []float32, stride int, x activations, rows, panel, panels int) {
	size := m.panelBytes()
	a := linearArgs{
		format:     tileFormat(m.Format),
		out:        out[panel*TileN:],
		fresh:      true,
		stride:     stride,
		x:          x,
		tiles:      m.tiles[panel*size : (panel+panels)*size],
		panels:     panels,
		panelBytes: size,
		blocks:     m.Blocks,
		rows:       rows,
		scratch:    s,
	}
	if m.Format != F32Weights {
		mul(&a)
		return
	}
	a.format = tileBF16x2
	mul(&a)
	a.format, a.fresh = tileBF16, false
	a.tiles = a.tiles[m.Blocks*tileBF16x2.bytes():]
	mul(&a)
}

// tileFormat is the kind of tile a panel kernel reads: the formats of Matrix but
// F32, which is made of two of the others.
type tileFormat uint8

const (
	tileBF16 = tileFormat(BF16Weights)
	tileQ8_0 = tileFormat(Q8_0)
	tileQ4_0 = tileFormat(Q4_0)
	tileQ4_1 = tileFormat(Q4_1)
	// tileBF16x2 is a weight in two bf16 planes, of F16 and of the KV cache.
	tileBF16x2 = tileFormat(F16Weights)
)

func (f tileFormat) bytes() int { return formats[f].tileBytes }

// linearArgs are the arguments of a linear kernel: panels of blocks consecutive
// tiles, against rows rows of planes, added block by block to out.
type linearArgs struct {
	format tileFormat
	// Row r of panel p is the 16 values at out[r*stride+16*p:].
	out    []float32
	stride int
	fresh  bool // out is overwritten instead: its sums begin at +0
	x      activations
	// Panel p begins at tiles[p*panelBytes:]. Or, for tileBF16x2, every block has
	// memory of its own: panel p's tile of block b is at
	// table[b][offset+p*panelBytes:].
	tiles      []byte
	table      [][]byte
	offset     int
	panels     int
	panelBytes int
	blocks     int
	rows       int
	// Memory that will be read soon, for kernels that can ask for it meanwhile;
	// hints without any effect on the outputs. With each panel of tiles its place in
	// both of beside; or, with a table, one of after at a time.
	beside  [2][]byte
	after   [][]byte
	scratch *Scratch
}

// activations are rows of planes from row on, their blocks from block on.
type activations struct {
	*Planes
	row, block int
}

// from is p's rows from row on, their blocks from block on.
func (p *Planes) from(row, block int) activations { return activations{p, row, block} }

// at is row r's blocks from block b on.
func (a *activations) at(r, b int) []byte {
	return a.data[((a.row+r)*a.Blocks+a.block+b)*a.form.bytes():]
}

// rowBytes is the distance of two rows' data.
func (a *activations) rowBytes() int { return a.Blocks * a.form.bytes() }

// sum is that of row r's block b.
func (a *activations) sum(r, b int) *float32 { return &a.sums[a.sumIndex(a.row+r, a.block+b)] }

// check panics unless everything that a kernel would touch is there: assembly
// has no bounds checks of its own.
func (a *linearArgs) check() {
	last := a.rows - 1
	_ = a.out[last*a.stride+a.panels*TileN-1]
	_ = a.x.at(last, 0)[a.blocks*a.x.form.bytes()-1]
	_ = a.x.sum(last, a.blocks-1)
	if a.table == nil {
		_ = a.tiles[(a.panels-1)*a.panelBytes+a.blocks*a.format.bytes()-1]
		return
	}
	for _, t := range a.table[:a.blocks] {
		_ = t[a.offset+(a.panels-1)*a.panelBytes+a.format.bytes()-1]
	}
}

// tile is panel p's tile of block b, and what follows it.
func (a *linearArgs) tile(p, b int) []byte {
	if a.table != nil {
		return a.table[b][a.offset+p*a.panelBytes:]
	}
	return a.tiles[p*a.panelBytes+b*a.format.bytes():]
}

// blockByBlock runs a kernel that knows no tables on each of a table's blocks.
func (a *linearArgs) blockByBlock(run func(*linearArgs)) {
	part := *a
	part.table, part.after, part.blocks, part.fresh = nil, nil, 1, false
	for b, block := range a.table[:a.blocks] {
		part.tiles, part.beside[0] = block[a.offset:], nil
		if b < len(a.after) {
			part.beside[0] = a.after[b]
		}
		part.x.block = a.x.block + b
		run(&part)
	}
}

// clear does what fresh asks for, for kernels that only add.
func (a *linearArgs) clear() {
	if !a.fresh {
		return
	}
	for r := range a.rows {
		clear(a.out[r*a.stride:][:a.panels*TileN])
	}
}

// linear adds, to the outputs of each row, the products of the row with each
// panel's tiles.
func linear(a *linearArgs) {
	if a.rows <= 0 || a.blocks <= 0 || a.panels <= 0 {
		return
	}
	a.check()
	linearRows(a)
}

// linearGeneric is the definition. One tile at a time is widened to float32,
// then every row is multiplied with it.
func linearGeneric(a *linearArgs) {
	size := a.format.bytes()
	var t wideTile
	var planes [planeValues]float32
	for p := range a.panels {
		for b := range a.blocks {
			t.widen(a.format, a.tile(p, b)[:size])
			for r := range a.rows {
				acc := (*[TileN]float32)(a.out[r*a.stride+p*TileN:])
				a.x.form.get(&planes, a.x.at(r, b))
				t.addRow(acc, &planes, *a.x.sum(r, b))
			}
		}
	}
}

// wideTile is a tile with its weights as float32.
type wideTile struct {
	planes int // weight planes: 1, or 2 for tileBF16x2
	w      [2][BlockK][TileN]float32
	scaled bool // there is a scale for the block's sum
	minned bool // and a minimum
	d, m   [TileN]float32
}

func (t *wideTile) widen(f tileFormat, tile []byte) {
	t.planes, t.scaled, t.minned = 1, false, false
	switch f {
	case tileBF16:
		widenBF16(&t.w[0], tile)
	case tileBF16x2:
		t.planes = 2
		widenBF16(&t.w[0], tile)
		widenBF16(&t.w[1], tile[2*tileWeights:])
	case tileQ8_0:
		for k := range BlockK {
			for n := range TileN {
				t.w[0][k][n] = float32(int8(tile[k*TileN+n]))
			}
		}
		t.scaled = true
		widenHalves(&t.d, tile[tileWeights:])
	case tileQ4_0, tileQ4_1:
		offset := float32(0)
		if f == tileQ4_0 {
			offset = 8
		}
		for k := range BlockK {
			for n := range TileN {
				t.w[0][k][n] = float32(nibble(tile, n, k)) - offset
			}
		}
		t.scaled = true
		widenHalves(&t.d, tile[tileWeights/2:])
		if f == tileQ4_1 {
			t.minned = true
			widenHalves(&t.m, tile[tileWeights/2+2*TileN:])
		}
	}
}

// nibble is weight (n, k) of a Q4 tile, as pack.go draws it.
func nibble(tile []byte, n, k int) byte {
	v, i := k/8, k%8
	at := (v*TileN+n)*4 + i%2*2 + i/4
	return tile[at] >> (i / 2 % 2 * 4) & 15
}

func widenBF16(w *[BlockK][TileN]float32, tile []byte) {
	for k := range BlockK {
		for n := range TileN {
			at := (k/2*TileN+n)*4 + k%2*2
			w[k][n] = FromBF16(uint16(tile[at]) | uint16(tile[at+1])<<8)
		}
	}
}

func widenHalves(out *[TileN]float32, b []byte) {
	for n := range out {
		out[n] = FromF16(uint16(b[2*n]) | uint16(b[2*n+1])<<8)
	}
}

// addRow adds one block of one row to its 16 outputs. x is the block's planes,
// 32 hi then 32 lo; sum the block's sum.
func (t *wideTile) addRow(acc *[TileN]float32, x *[planeValues]float32, sum float32) {
	hi, lo := (*[BlockK]float32)(x[:]), (*[BlockK]float32)(x[BlockK:])
	var h, l [TileN]float32
	dotBlock(&h, hi, &t.w[0])
	dotBlock(&l, lo, &t.w[0])
	switch {
	case t.scaled:
		for n := range acc {
			acc[n] += float32((h[n] + l[n]) * t.d[n])
		}
		if t.minned {
			for n := range acc {
				acc[n] += float32(t.m[n] * sum)
			}
		}
	default:
		for n := range acc {
			acc[n] += h[n]
			acc[n] += l[n]
		}
		if t.planes == 2 {
			dotBlock(&h, hi, &t.w[1])
			for n := range acc {
				acc[n] += h[n]
			}
		}
	}
}

// dotBlock is the sum that all formats share: for each output, the products of
// even k in one chain and those of odd k in another, rising, each from +0, then
// even + odd. The products are exact in float32, so fused or not is the same.
func dotBlock(out *[TileN]float32, x *[BlockK]float32, w *[BlockK][TileN]float32) {
	var even, odd [TileN]float32
	for k := 0; k < BlockK; k += 2 {
		x0, w0 := x[k], &w[k]
		x1, w1 := x[k+1], &w[k+1]
		for n := range TileN {
			even[n] += float32(x0 * w0[n])
			odd[n] += float32(x1 * w1[n])
		}
	}
	for n := range out {
		out[n] = even[n] + odd[n]
	}
}
