package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"tinsmith.example/internal/cpu"
)

// Chosen says which kernels run, and why not the ones that were asked for: the
// error is nil, or names a kernel that did not give its twin's bits on this
// machine. All of that level's kernels are off then, and the portable ones run.
// The first call does the check, which takes a few milliseconds; it must be over
// before any other function of this package runs at the same time.
func Chosen() (cpu.Level, error) { return selfCheck() }

var selfCheck = sync.OnceValues(func() (cpu.Level, error) {
	err := checkKernels(rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		err = fmt.Errorf("kernel: level %v is switched off: %w", level, err)
		level = cpu.Portable
	}
	return level, err
})

// checkKernels compares every kernel of the chosen level with its twin on a few
// random inputs.
func checkKernels(r *rand.Rand) error {
	for _, f := range []tileFormat{tileBF16, tileQ8_0, tileQ4_0, tileQ4_1, tileBF16x2} {
		for _, rows := range []int{1, 2, 3, 4, 6, 13, 17, 19, 33} {
			if err := checkLinear(r, f, rows); err != nil {
				return err
			}
		}
	}
	return checkVectors(r)
}

func checkLinear(r *rand.Rand, f tileFormat, rows int) error {
	const blocks, panels = 3, 3
	x := NewPlanes(rows, blocks*BlockK)
	for i := range rows {
		x.Split(i, checkInput(r, x.K))
	}
	tiles := AlignedBytes(panels * blocks * f.bytes())
	for i := 0; i < len(tiles); i += 2 { // bf16 values of the range that tiles hold, which as halves are finite
		binary.LittleEndian.PutUint16(tiles[i:], uint16(0x2400+r.IntN(0x1c00))|uint16(r.IntN(2))<<15)
	}
	a := &linearArgs{format: f, stride: panels * TileN, x: x.from(0, 0), tiles: tiles, panels: panels, panelBytes: blocks * f.bytes(), blocks: blocks, rows: rows, scratch: NewScratch()}
	what := fmt.Sprintf("linear, tile format %d, %d rows", f, rows)
	want := make([]float32, rows*panels*TileN)
	a.out = want
	linearGeneric(a)
	got := make([]float32, len(want))
	for i := range got {
		got[i] = float32(math.NaN()) // to be overwritten
	}
	a.out, a.fresh = got, true
	linearRows(a)
	if err := compare(what, got, want); err != nil {
		return err
	}
	got = checkInput(r, len(want)) // to be added to
	copy(want, got)
	a.out, a.fresh = want, false
	linearGeneric(a)
	a.out = got
	if f == tileBF16x2 { // what adds in attention reads a table
		a.table, a.panelBytes = tableOf(a), f.bytes()
	}
	linearRows(a)
	return compare(what+", added", got, want)
}

// tableOf copies a's tiles to a piece of memory for each block.
func tableOf(a *linearArgs) [][]byte {
	table := make([][]byte, a.blocks)
	size := a.format.bytes()
	for b := range table {
		table[b] = AlignedBytes(a.panels * size)
		for p := range a.panels {
			copy(table[b][p*size:], a.tile(p, b)[:size])
		}
	}
	return table
}

func checkVectors(r *rand.Rand) error {
	const n = 5*16 + 3
	x, y := checkInput(r, n), checkInput(r, n)
	got, want := make([]float32, n), make([]float32, n)
	if err := compare("max", []float32{maxOf(x)}, []float32{maxGeneric(x)}); err != nil {
		return err
	}
	gotSum, wantSum := expSum(got, x, 3, 0.5), expSumGeneric(want, x, 3, 0.5)
	if err := compare("exponentials", append(got, gotSum), append(want, wantSum)); err != nil {
		return err
	}
	row := checkInput(r, 2*GroupSize)
	groups := make([]float32, 2)
	ExpSums(groups, nil, row, 3, 0.5)
	if err := compare("sums of groups", groups, []float32{expSumGeneric(nil, row[:GroupSize], 3, 0.5), expSumGeneric(nil, row[GroupSize:], 3, 0.5)}); err != nil {
		return err
	}
	siluMul(got, x, y)
	siluMulGeneric(want, x, y)
	if err := compare("SiLU gate", got, want); err != nil {
		return err
	}
	scaleBy(got, x, y, 0.7)
	scaleByGeneric(want, x, y, 0.7)
	if err := compare("norm", append(got, squareSum(x)), append(want, squareSumGeneric(x))); err != nil {
		return err
	}
	if finite(x) != finiteGeneric(x) {
		return fmt.Errorf("the search for non-finite values differs from its twin")
	}
	if err := checkSplit(x[:2*BlockK]); err != nil {
		return err
	}
	if err := checkPasses(r); err != nil {
		return err
	}
	if err := checkStore(r); err != nil {
		return err
	}
	x[40] = float32(math.Inf(1))
	if finite(x) {
		return fmt.Errorf("the search for non-finite values misses one")
	}
	return checkSelection(r)
}

// checkSelection compares on a few different logits, so that some are equal to
// the bounds.
func checkSelection(r *rand.Rand) error {
	const n = GroupSize + 5*16 + 3
	x, w := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], w[i] = float32(r.IntN(9)-4), Exp(-29*r.Float32())
	}
	for _, bounds := range [][2]float32{{-1, 3}, {2, 5}, {-5, 0}} {
		least := r.Float32() / 8
		if massFrom(x, w, bounds[0], least) != massFromGeneric(x, w, bounds[0], least) {
			return fmt.Errorf("the sum of masses differs from its twin")
		}
		if countFrom(x, bounds[0]) != countFromGeneric(x, bounds[0]) {
			return fmt.Errorf("the count of logits differs from its twin")
		}
		gotX, gotW, wantX, wantW := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		got, want := Gather(gotX, gotW, x, w, bounds[0], bounds[1]), gatherGeneric(wantX, wantW, x, w, bounds[0], bounds[1])
		if got != want {
			return fmt.Errorf("gathering differs from its twin: %d logits, want %d", got, want)
		}
		gathered := append(wantX[:want:want], wantW[:want]...)
		if err := compare("gathering", append(gotX[:got:got], gotW[:got]...), gathered); err != nil {
			return err
		}
		got, over := Part(gotX, gotW, x, w, bounds[0], bounds[1])
		if got != want || over != massFromGeneric(x, w, bounds[1], 0) {
			return fmt.Errorf("parting differs from its twins")
		}
		if err := compare("parting", append(gotX[:got:got], gotW[:got]...), gathered); err != nil {
			return err
		}
	}
	return nil
}

// checkSplit compares every form's way to planes.
func checkSplit(x []float32) error {
	for _, f := range []form{formFloats, formFor(1), formFor(minTileRows)} {
		var got [2][]float32
		for i, split := range []func(form, []byte, []float32, []float32){splitBlocks, splitBlocksGeneric} {
			data, sums := AlignedBytes(2*f.bytes()), make([]float32, 2)
			split(f, data, sums, x)
			got[i] = append(sums, floatsOf(data)...)
		}
		if err := compare(fmt.Sprintf("split into form %d", f), got[0], got[1]); err != nil {
			return err
		}
	}
	return nil
}

// checkInput is n values of many binades, some of them tiny or zero.
func checkInput(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(r.Uint32()&0x80ffffff | uint32(100+r.IntN(30))<<23)
		switch r.IntN(12) {
		case 0:
			x[i] = 0
		case 1:
			x[i] *= 0x1p-50
		}
	}
	return x
}

func compare(what string, got, want []float32) error {
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			return fmt.Errorf("%s differs from its twin: [%d] is %#08x, want %#08x", what, i, math.Float32bits(got[i]), math.Float32bits(want[i]))
		}
	}
	return nil
}
