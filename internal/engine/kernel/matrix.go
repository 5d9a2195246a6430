package kernel

import "fmt"

// Format is how a Matrix holds its weights.
type Format uint8

const (
	// BF16Weights: 16 bits a weight.
	BF16Weights Format = iota
	// Q8_0: blocks of 32 signed bytes q with a half d; weight = d*q.
	Q8_0
	// Q4_0: blocks of 32 nibbles q with a half d; weight = d*(q-8).
	Q4_0
	// Q4_1: blocks of 32 nibbles q with halves d and m; weight = d*q + m.
	Q4_1
	// F16Weights: halves, each the sum of two bf16 values.
	F16Weights
	// F32Weights: float32, each the sum of three bf16 values unless it is tiny.
	F32Weights
)

var formats = [...]struct {
	name      string
	tileBytes int // of one packed tile
	rawBytes  int // of 32 weights of one row as GGUF holds them
	products  int // of a weight with an x in two planes
}{
	BF16Weights: {"BF16", bf16TileBytes, 64, 2},
	Q8_0:        {"Q8_0", tileWeights + 2*TileN, 34, 2},
	Q4_0:        {"Q4_0", tileWeights/2 + 2*TileN, 18, 2},
	Q4_1:        {"Q4_1", tileWeights/2 + 4*TileN, 20, 2},
	F16Weights:  {"F16", 2 * bf16TileBytes, 64, 3},
	F32Weights:  {"F32", 3 * bf16TileBytes, 128, 5},
}

func (f Format) String() string { return formats[f].name }

// Products is how many multiplications of bf16 values a weight and an x take.
func (f Format) Products() int { return formats[f].products }

// TileN is how many outputs a tile has. A tile is 16 outputs of 32 k.
const TileN = 16

const tileWeights = TileN * BlockK

const bf16TileBytes = 2 * tileWeights

// float says whether the format has a number for each weight, and no blocks.
func (f Format) float() bool { return f == BF16Weights || f == F16Weights || f == F32Weights }

// Matrix is the weights of a linear layer, [N, K], packed in tiles.
//
// Tiles are [panels, blocks]: a panel is 16 consecutive outputs with all their
// k, in rising blocks of 32, and lies in one piece. N is padded with zero rows
// to whole panels and K with zeros to whole blocks. pack.go draws the tiles.
type Matrix struct {
	Format Format
	N, K   int
	Panels int // ceil(N/16)
	Blocks int // ceil(K/32)
	tiles  []byte
}

// NewMatrix returns an [n, k] matrix of zeros, to be filled by PackPanel. The
// block formats need k to be a multiple of 32. take gives its memory: so many
// zeroed bytes that begin at a cache line, such as [AlignedBytes].
func NewMatrix(f Format, n, k int, take func(bytes int) []byte) (*Matrix, error) {
	if n <= 0 || k <= 0 || !f.float() && k%BlockK != 0 {
		return nil, fmt.Errorf("kernel: a %v matrix cannot be [%d, %d]", f, n, k)
	}
	m := &Matrix{Format: f, N: n, K: k, Panels: (n + TileN - 1) / TileN, Blocks: (k + BlockK - 1) / BlockK}
	m.tiles = take(m.Panels * m.panelBytes())
	return m, nil
}

// Bytes is the size of the packed weights.
func (m *Matrix) Bytes() int { return len(m.tiles) }

// PaddedN is N rounded up to whole panels: how many outputs Mul writes.
func (m *Matrix) PaddedN() int { return m.Panels * TileN }

func (m *Matrix) panelBytes() int { return m.Blocks * formats[m.Format].tileBytes }

func (m *Matrix) panel(i int) []byte {
	n := m.panelBytes()
	return m.tiles[i*n : (i+1)*n]
}
