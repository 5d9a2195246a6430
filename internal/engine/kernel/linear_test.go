package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var weightFormats = []Format{BF16Weights, Q8_0, Q4_0, Q4_1, F16Weights, F32Weights}

// rawRow is a random row of k weights as GGUF holds it, scales of about 0.01.
func rawRow(r *rand.Rand, f Format, k int) []byte {
	raw := make([]byte, f.RawRowBytes(k))
	if f.float() {
		for i := range k {
			w := float32(r.NormFloat64() * 0.05)
			switch f {
			case BF16Weights:
				binary.LittleEndian.PutUint16(raw[2*i:], BF16(w))
			case F16Weights:
				binary.LittleEndian.PutUint16(raw[2*i:], uint16(r.IntN(2)<<15|r.IntN(0x3000))) // subnormal to 0.12
			case F32Weights:
				binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(w))
			}
		}
		return raw
	}
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	size := f.RawRowBytes(BlockK)
	for at := 0; at < len(raw); at += size {
		binary.LittleEndian.PutUint16(raw[at:], uint16(0x2000+r.IntN(0x800)))
		if f == Q4_1 {
			binary.LittleEndian.PutUint16(raw[at+2:], uint16(0xa000+r.IntN(0x800)))
		}
	}
	return raw
}

func randomMatrix(t testing.TB, r *rand.Rand, f Format, n, k int) (*Matrix, [][]byte) {
	m, err := NewMatrix(f, n, k, AlignedBytes)
	if err != nil {
		t.Fatal(err)
	}
	rows := make([][]byte, n)
	for i := range rows {
		rows[i] = rawRow(r, f, k)
	}
	for p := range m.Panels {
		if err := m.PackPanel(p, func(n int) []byte { return rows[n] }); err != nil {
			t.Fatal(err)
		}
	}
	return m, rows
}

// activations with the spread that a model's have: most near 1, some large,
// some tiny, some exactly 0.
func activation(r *rand.Rand) float32 {
	switch r.IntN(20) {
	case 0:
		return 0
	case 1:
		return float32(r.NormFloat64() * 300)
	case 2:
		return float32(math.Ldexp(r.NormFloat64(), -50-r.IntN(60)))
	}
	return float32(r.NormFloat64())
}

func randomPlanes(r *rand.Rand, rows, k int) (*Planes, [][]float32) {
	p := NewPlanes(rows, k)
	xs := make([][]float32, rows)
	for i := range xs {
		xs[i] = make([]float32, k)
		for j := range xs[i] {
			xs[i][j] = activation(r)
		}
		p.Split(i, xs[i])
	}
	return p, xs
}

// weight is element k of a raw row, in float64.
func weight(f Format, raw []byte, k int) float64 {
	switch f {
	case BF16Weights:
		return float64(FromBF16(binary.LittleEndian.Uint16(raw[2*k:])))
	case F16Weights:
		return float64(FromF16(binary.LittleEndian.Uint16(raw[2*k:])))
	case F32Weights:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:])))
	}
	size := f.RawRowBytes(BlockK)
	blk := raw[k/BlockK*size:][:size]
	d := float64(FromF16(binary.LittleEndian.Uint16(blk)))
	i := k % BlockK
	switch f {
	case Q8_0:
		return d * float64(int8(blk[2+i]))
	case Q4_0:
		return d * (float64(blk[2+i%16]>>(i/16*4)&15) - 8)
	}
	return d*float64(blk[4+i%16]>>(i/16*4)&15) + float64(FromF16(binary.LittleEndian.Uint16(blk[2:])))
}

// TestLinearIsTheProduct holds the layer against float64 arithmetic on the raw
// weights: packing, scales and minimums in their places, two planes' accuracy.
func TestLinearIsTheProduct(t *testing.T) { atEveryLevel(t, linearIsTheProduct) }

func linearIsTheProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, f := range weightFormats {
		for _, shape := range [][2]int{{16, 32}, {40, 96}, {33, 576}} {
			n, k := shape[0], shape[1]
			m, raw := randomMatrix(t, r, f, n, k)
			x, xs := randomPlanes(r, 3, k)
			out := make([]float32, 3*m.PaddedN())
			for p := range m.Panels {
				m.MulPanels(scratch, out, m.PaddedN(), x, 3, p, 1)
			}
			for row := range xs {
				for i := range n {
					var want, size float64
					for j, v := range xs[row] {
						w := weight(f, raw[i], j)
						want += float64(v) * w
						size += math.Abs(float64(v) * w)
					}
					got := float64(out[row*m.PaddedN()+i])
					if math.Abs(got-want) > 3e-5*size {
						t.Fatalf("%v [%d, %d] row %d output %d: got %v, want %v", f, n, k, row, i, got, want)
					}
				}
			}
		}
	}
}

// twin is linear by its definition.
func twin(a *linearArgs) {
	a.clear()
	linearGeneric(a)
}

// TestLinearBitsDoNotDependOnRows compares every number of rows at once with
// one row at a time by the twin: equal bits, nothing written outside.
func TestLinearBitsDoNotDependOnRows(t *testing.T) { atEveryLevel(t, linearBitsDoNotDependOnRows) }

func linearBitsDoNotDependOnRows(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, f := range weightFormats {
		for _, blocks := range []int{1, 2, 18, 48, 257} { // 257: more than one assembly call
			k := blocks * BlockK
			m, _ := randomMatrix(t, r, f, 2*TileN, k)
			for _, rows := range []int{1, 2, 3, 5, 6, 7, 11, 12, 13, 15, 16, 17, 18, 19, 20, 33} {
				if blocks > 48 && rows > 13 {
					continue // slow, and nothing new
				}
				x, _ := randomPlanes(r, rows+1, k)
				stride := m.PaddedN() + 3
				out := make([]float32, rows*stride+1)
				for i := range out {
					out[i] = float32(math.NaN())
				}
				for p := range m.Panels {
					m.MulPanels(scratch, out[:rows*stride], stride, x, rows, p, 1)
				}
				want := make([]float32, m.PaddedN())
				for row := range rows {
					for p := range m.Panels {
						m.mulPanels(twin, nil, want[:], 0, x.from(row, 0), 1, p, 1)
						got := out[row*stride+p*TileN:][:TileN]
						sameBits(t, fmt.Sprintf("%v, %d blocks, row %d of %d, panel %d", f, blocks, row, rows, p), got, want[p*TileN:][:TileN])
					}
					for _, v := range out[row*stride+m.PaddedN() : (row+1)*stride] {
						if v == v {
							t.Fatalf("%v: wrote past row %d", f, row)
						}
					}
				}
			}
		}
	}
}

// TestPanelsAtOnceMatchTwin has more panels, rows and blocks than kernels take
// at a time, and what is left over of each.
func TestPanelsAtOnceMatchTwin(t *testing.T) { atEveryLevel(t, panelsAtOnceMatchTwin) }

func panelsAtOnceMatchTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	const panels = 27
	for _, f := range weightFormats {
		for _, rows := range []int{4, 33, 64, 65, 83, 129} {
			const blocks = 9
			m, _ := randomMatrix(t, r, f, panels*TileN-5, blocks*BlockK)
			x, _ := randomPlanes(r, rows, blocks*BlockK)
			got, want := make([]float32, rows*m.PaddedN()), make([]float32, rows*m.PaddedN())
			m.MulPanels(scratch, got, m.PaddedN(), x, rows, 0, 1)
			m.MulPanels(scratch, got, m.PaddedN(), x, rows, 1, panels-1)
			m.mulPanels(twin, nil, want, m.PaddedN(), x.from(0, 0), rows, 0, panels)
			sameBits(t, fmt.Sprintf("%v, %d rows", f, rows), got, want)
		}
	}
}

// TestLongRowsMatchTwin has more blocks than one call of a kernel takes.
func TestLongRowsMatchTwin(t *testing.T) { atEveryLevel(t, longRowsMatchTwin) }

func longRowsMatchTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	const blocks, rows = 520, 3
	for _, f := range weightFormats {
		m, _ := randomMatrix(t, r, f, TileN, blocks*BlockK)
		x, _ := randomPlanes(r, rows, blocks*BlockK)
		got, want := make([]float32, rows*TileN), make([]float32, rows*TileN)
		m.MulPanels(scratch, got, TileN, x, rows, 0, 1)
		m.mulPanels(twin, nil, want, TileN, x.from(0, 0), rows, 0, 1)
		sameBits(t, f.String(), got, want)
	}
}

func TestTwoPlaneWeightsMatchTwin(t *testing.T) { atEveryLevel(t, twoPlaneWeightsMatchTwin) }

func twoPlaneWeightsMatchTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, blocks := range []int{1, 2, 5} {
		tiles := AlignedBytes(blocks * tileBF16x2.bytes())
		for i := 0; i < len(tiles); i += 2 {
			binary.LittleEndian.PutUint16(tiles[i:], BF16(activation(r)))
		}
		for _, rows := range []int{1, 2, 3, 4, 5, 6, 7, 12, 13, 15, 16, 17, 18, 19, 20, 33} {
			x, _ := randomPlanes(r, rows, blocks*BlockK)
			a := &linearArgs{format: tileBF16x2, stride: TileN, panels: 1, x: x.from(0, 0), tiles: tiles, blocks: blocks, rows: rows, scratch: scratch}
			got, want := make([]float32, rows*TileN), make([]float32, rows*TileN)
			for i := range got {
				got[i] = activation(r)
			}
			copy(want, got)
			a.out = got
			linear(a)
			a.out = want
			linearGeneric(a)
			sameBits(t, fmt.Sprintf("%d blocks, %d rows", blocks, rows), got, want)

			clear(want)
			linearGeneric(a)
			for i := range got {
				got[i] = float32(math.NaN())
			}
			a.out, a.fresh = got, true
			linear(a)
			sameBits(t, fmt.Sprintf("%d blocks, %d rows, overwritten", blocks, rows), got, want)
		}
	}
}

// TestBlocksMayLieInATable: weights in two planes give the same bits wherever
// their blocks lie, at an offset within larger pieces of memory or in one run.
func TestBlocksMayLieInATable(t *testing.T) { atEveryLevel(t, blocksMayLieInATable) }

func blocksMayLieInATable(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	const panels, offset = 3, 128
	size := tileBF16x2.bytes()
	for _, blocks := range []int{1, 2, 5, 16} {
		run := AlignedBytes(panels * blocks * size)
		for i := 0; i < len(run); i += 2 {
			binary.LittleEndian.PutUint16(run[i:], BF16(activation(r)))
		}
		table := make([][]byte, blocks)
		for b := range table {
			table[b] = AlignedBytes(offset + panels*size)
			for p := range panels {
				copy(table[b][offset+p*size:], run[(p*blocks+b)*size:][:size])
			}
		}
		for _, rows := range []int{1, 2, 3, 15, 16, 17, 19, 33} {
			x, _ := randomPlanes(r, rows, blocks*BlockK)
			got, want := make([]float32, rows*panels*TileN), make([]float32, rows*panels*TileN)
			a := &linearArgs{format: tileBF16x2, out: got, stride: panels * TileN, x: x.from(0, 0), table: table, offset: offset, panels: panels, panelBytes: size, blocks: blocks, rows: rows, scratch: scratch}
			a.after = table[:blocks/2] // shorter than the table
			linear(a)
			a.out, a.tiles, a.table, a.panelBytes = want, run, nil, blocks*size
			linearGeneric(a)
			sameBits(t, fmt.Sprintf("%d blocks, %d rows", blocks, rows), got, want)
		}
	}
}

// TestLinearOfExtremeValues has x at both ends of what planes hold, which kernels may
// scale, and one that is no number: what it is multiplied with is none either, and the
// other rows do not see it.
func TestLinearOfExtremeValues(t *testing.T) { atEveryLevel(t, linearOfExtremeValues) }

func linearOfExtremeValues(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	const k = 3 * BlockK
	for _, f := range weightFormats {
		m, _ := randomMatrix(t, r, f, TileN, k)
		for _, rows := range []int{1, 2, 3, 12, 20} {
			x := NewPlanes(rows, k)
			for i := range rows {
				row, exponent := make([]float32, k), -56+r.IntN(8)
				if i%2 == rows%2 {
					exponent = 90 + r.IntN(20)
				}
				for j := range row {
					row[j] = float32(math.Ldexp(1+r.Float64(), exponent))
					if r.IntN(2) == 0 {
						row[j] = -row[j]
					}
				}
				x.Split(i, row)
			}
			got, want := make([]float32, rows*TileN), make([]float32, rows*TileN)
			m.MulPanels(scratch, got, TileN, x, rows, 0, 1)
			m.mulPanels(twin, nil, want, TileN, x.from(0, 0), rows, 0, 1)
			sameBits(t, fmt.Sprintf("%v, %d rows", f, rows), got, want)

			bad := rows / 2
			for _, v := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
				row := make([]float32, k)
				row[r.IntN(k)] = v
				x.Split(bad, row)
				m.MulPanels(scratch, got, TileN, x, rows, 0, 1)
				for i, y := range got[bad*TileN : (bad+1)*TileN] {
					if Finite([]float32{y}) {
						t.Fatalf("%v, %d rows: %v became %v at output %d", f, rows, v, y, i)
					}
				}
				sameBits(t, fmt.Sprintf("%v, %d rows, before a bad one", f, rows), got[:bad*TileN], want[:bad*TileN])
				sameBits(t, fmt.Sprintf("%v, %d rows, behind a bad one", f, rows), got[(bad+1)*TileN:], want[(bad+1)*TileN:])
			}
		}
	}
}

func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: [%d] = %v (%#08x), want %v (%#08x)", what, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

func BenchmarkLinear(b *testing.B) {
	const n, k, panels = 576, 576, 3 // as the engine calls it for a small model
	r := rand.New(rand.NewPCG(4, 4))
	for _, f := range weightFormats {
		m, _ := randomMatrix(b, r, f, n, k)
		for _, rows := range []int{1, 2, 3, 6, 16, 32, 64, 256} {
			x, _ := randomPlanes(r, rows, k)
			out := make([]float32, rows*m.PaddedN())
			b.Run(fmt.Sprintf("%v/rows=%d", f, rows), func(b *testing.B) {
				b.SetBytes(int64(m.Bytes()))
				best := time.Duration(math.MaxInt64)
				for b.Loop() {
					started := time.Now()
					for p := 0; p < m.Panels; p += panels {
						m.MulPanels(scratch, out, m.PaddedN(), x, rows, p, panels)
					}
					best = min(best, time.Since(started))
				}
				products := float64(rows) * n * k * 2
				b.ReportMetric(float64(b.N)*products/b.Elapsed().Seconds()/1e9, "Gmac/s")
				b.ReportMetric(products/best.Seconds()/1e9, "Gmac/s-at-best") // beside neighbours
			})
		}
	}
}
