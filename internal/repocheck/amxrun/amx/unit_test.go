package amx

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

// memory is some bytes from address start on, and nothing around them.
type memory struct {
	start uint64
	bytes []byte
}

func (m *memory) Read(rows [][]byte, addr, stride uint64) error {
	return m.each(rows, addr, stride, func(row, at []byte) { copy(row, at) })
}

func (m *memory) Write(rows [][]byte, addr, stride uint64) error {
	return m.each(rows, addr, stride, func(row, at []byte) { copy(at, row) })
}

func (m *memory) each(rows [][]byte, addr, stride uint64, do func(row, at []byte)) error {
	for i, row := range rows {
		at := addr + uint64(i)*stride - m.start
		if at > uint64(len(m.bytes)) || at+uint64(len(row)) > uint64(len(m.bytes)) {
			return &AccessError{m.start + at}
		}
		do(row, m.bytes[at:at+uint64(len(row))])
	}
	return nil
}

// shape is the configuration of one tile.
type shape struct{ rows, colsb int }

func config(shapes ...shape) []byte {
	b := make([]byte, 64)
	b[0] = 1
	for i, s := range shapes {
		binary.LittleEndian.PutUint16(b[16+2*i:], uint16(s.colsb))
		b[48+i] = byte(s.rows)
	}
	return b
}

// configured is a unit with these tiles, all of their bytes random.
func configured(t *testing.T, r *rand.Rand, shapes ...shape) *Unit {
	t.Helper()
	u := new(Unit)
	if err := u.configure((*[64]byte)(config(shapes...))); err != nil {
		t.Fatal(err)
	}
	for i, s := range shapes {
		u.tile[i] = randomTile(r, s.rows, s.colsb)
	}
	return u
}

func TestConfigurationIsCheckedWhole(t *testing.T) {
	set := func(at int, value byte) func([]byte) { return func(b []byte) { b[at] = value } }
	for _, tt := range []struct {
		name   string
		change func([]byte)
		want   error
	}{
		{"largest", func([]byte) {}, nil},
		{"smallest", func(b []byte) { b[16], b[48] = 1, 1 }, nil},
		{"no tile", func(b []byte) { clear(b[16:]) }, nil},
		{"start row", set(1, 15), nil},
		{"palette 0, whatever else", func(b []byte) { b[0], b[2], b[63] = 0, 1, 1 }, nil},
		{"palette 2", set(0, 2), ErrProtection},
		{"reserved at 2", set(2, 1), ErrProtection},
		{"reserved at 15", set(15, 0x80), ErrProtection},
		{"a ninth width", set(32, 64), ErrProtection},
		{"reserved at 47", set(47, 1), ErrProtection},
		{"a ninth height", set(56, 16), ErrProtection},
		{"reserved at 63", set(63, 1), ErrProtection},
		{"65 bytes", set(16, 65), ErrProtection},
		{"256 + 64 bytes", set(31, 1), ErrProtection},
		{"17 rows", set(55, 17), ErrProtection},
		{"rows without bytes", set(18, 0), ErrProtection},
		{"bytes without rows", set(49, 0), ErrProtection},
	} {
		full := shape{16, 64}
		m := &memory{4096, config(full, full, full, full, full, full, full, full)}
		tt.change(m.bytes)
		u := configured(t, rand.New(rand.NewPCG(1, 2)), full, shape{3, 8})
		before, registers := *u, Registers{RIP: 100}
		registers.General[7] = 4096
		err := u.Execute(Instruction{Op: LDTILECFG, Len: 5, Mem: Operand{Base: 7, Index: None}}, &registers, m)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if tt.want != nil && (*u != before || registers.RIP != 100) {
			t.Errorf("%s: refused, and has changed something", tt.name)
		}
		if tt.want == nil && (u.tile[0].data != [maxRows][maxColsb]byte{} || registers.RIP != 105) {
			t.Errorf("%s: the tiles are not zero, or the instruction is not passed", tt.name)
		}
	}
}

// TestTransferTouchesItsRowsOnly loads from and stores to rows that lie apart,
// closer than they are long, all in one place, and backwards.
func TestTransferTouchesItsRowsOnly(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, stride := range []int64{64, 100, 4, 0, -64, -7} {
		for _, s := range []shape{{1, 4}, {16, 64}, {5, 36}} {
			u := configured(t, r, shape{2, 8}, s)
			m := &memory{0x10000, make([]byte, 8192)}
			for i := range m.bytes {
				m.bytes[i] = byte(r.Uint32())
			}
			registers := Registers{}
			registers.General[3], registers.General[9] = 0x10000+4096-8, uint64(stride)
			operand := Operand{Base: 3, Index: 9, Disp: 8}
			if stride%4 == 0 {
				registers.General[9], operand.Shift = uint64(stride/4), 2
			}
			if err := u.Execute(Instruction{Op: TILELOADD, Tile: 1, Mem: operand}, &registers, m); err != nil {
				t.Fatal(err)
			}
			want := tile{rows: s.rows, colsb: s.colsb}
			for i := range s.rows {
				copy(want.data[i][:s.colsb], m.bytes[4096+int64(i)*stride:])
			}
			if u.tile[1] != want {
				t.Errorf("stride %d, %+v: loaded something else", stride, s)
			}

			u.tile[1] = randomTile(r, s.rows, s.colsb)
			after := append([]byte(nil), m.bytes...)
			for i := range s.rows {
				copy(after[4096+int64(i)*stride:], u.tile[1].data[i][:s.colsb])
			}
			if err := u.Execute(Instruction{Op: TILESTORED, Tile: 1, Mem: operand}, &registers, m); err != nil {
				t.Fatal(err)
			}
			if string(after) != string(m.bytes) {
				t.Errorf("stride %d, %+v: stored something else", stride, s)
			}
		}
	}
}

func TestOperandsWithoutBaseOrIndex(t *testing.T) {
	registers := Registers{RIP: 1000}
	for i := range registers.General {
		registers.General[i] = uint64(i+1) << 32
	}
	for _, tt := range []struct {
		o           Operand
		base, index uint64
	}{
		{Operand{Base: RIP, Index: None, Disp: -6}, 1000 + 9 - 6, 0},
		{Operand{Base: None, Index: None, Disp: -16}, 1<<64 - 16, 0},
		{Operand{Base: None, Index: 15, Shift: 3, Disp: 5}, 5, 16 << 35},
		{Operand{Base: 4, Index: 0, Disp: -1}, 5<<32 - 1, 1 << 32},
	} {
		base, index := Instruction{Len: 9, Mem: tt.o}.address(&registers)
		if base != tt.base || index != tt.index {
			t.Errorf("%+v: %#x and %#x, want %#x and %#x", tt.o, base, index, tt.base, tt.index)
		}
	}
}

// TestStartRowIsWhereALoadGoesOn, and nothing else may begin there.
func TestStartRowIsWhereALoadGoesOn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	u := configured(t, r, shape{8, 16}, shape{8, 16}, shape{4, 16}, shape{2, 4})
	before := u.tile[0]
	u.startRow = 5
	m := &memory{0, make([]byte, 1024)}
	var registers Registers
	registers.General[1] = 16
	for _, in := range []Instruction{
		{Op: TDPBF16PS, Tile: 0, Src1: 1, Src2: 2},
		{Op: TILELOADD, Tile: 3, Mem: Operand{Base: 0, Index: 1}}, // has no row 5
	} {
		if err := u.Execute(in, &registers, m); err != ErrInvalidOpcode {
			t.Errorf("%+v: %v", in, err)
		}
	}
	if err := u.Execute(Instruction{Op: TILELOADD, Tile: 0, Mem: Operand{Base: 0, Index: 1}}, &registers, m); err != nil {
		t.Fatal(err)
	}
	clear(before.data[5:])
	if u.tile[0] != before || u.startRow != 0 {
		t.Error("the load did not begin in row 5, or left its row behind")
	}
}

func TestTilesThatDoNotFitAreRefused(t *testing.T) {
	shapes := []shape{{4, 12}, {4, 20}, {5, 12}, {4, 12}, {4, 20}, {6, 12}, {5, 10}}
	dot := func(c, a, b int) Instruction { return Instruction{Op: TDPBF16PS, Tile: c, Src1: a, Src2: b} }
	at := Operand{Base: 0, Index: None}
	for _, tt := range []struct {
		why string
		in  Instruction
		ok  bool
	}{
		{"fits", dot(0, 1, 2), true},
		{"rows of c and a", dot(5, 1, 2), false},
		{"columns of c and b", dot(4, 1, 2), false},
		{"k", dot(0, 1, 5), false},
		{"half a number", dot(0, 1, 6), false},
		{"c is a", dot(1, 1, 2), false},
		{"not configured", dot(7, 1, 2), false},
		{"load of half a number", Instruction{Op: TILELOADD, Tile: 6, Mem: at}, false},
		{"load of no tile", Instruction{Op: TILELOADD, Tile: 7, Mem: at}, false},
		{"store of no tile", Instruction{Op: TILESTORED, Tile: 7, Mem: at}, false},
		{"zero of no tile", Instruction{Op: TILEZERO, Tile: 7}, false},
		{"zero of half a number", Instruction{Op: TILEZERO, Tile: 6}, true},
		{"no instruction", Instruction{}, false},
	} {
		u := configured(t, rand.New(rand.NewPCG(1, 2)), shapes...)
		before := *u
		err := u.Execute(tt.in, new(Registers), &memory{0, make([]byte, 4096)})
		if (err == nil) != tt.ok || !tt.ok && (err != ErrInvalidOpcode || *u != before) {
			t.Errorf("%s: %v", tt.why, err)
		}
	}
	u := configured(t, rand.New(rand.NewPCG(1, 2)), shape{2, 8}, shape{2, 8})
	if err := u.Execute(dot(0, 1, 1), new(Registers), nil); err != ErrInvalidOpcode {
		t.Errorf("a is b: %v", err)
	}
}

func TestWithoutAccessNothingIsLoaded(t *testing.T) {
	u := configured(t, rand.New(rand.NewPCG(1, 2)), shape{4, 16})
	before, registers := *u, Registers{}
	registers.General[0], registers.General[1] = 0x1000, 16
	for _, op := range []Op{LDTILECFG, TILELOADD, TILESTORED} {
		m := &memory{0x1000, make([]byte, 40)} // two rows and a half
		err := u.Execute(Instruction{Op: op, Mem: Operand{Base: 0, Index: 1}}, &registers, m)
		if access := (*AccessError)(nil); !errors.As(err, &access) {
			t.Errorf("%d: %v", op, err)
		}
		if *u != before {
			t.Errorf("%d: has changed the tiles", op)
		}
	}
}

func TestReleaseAndZero(t *testing.T) {
	u := configured(t, rand.New(rand.NewPCG(1, 2)), shape{2, 8}, shape{3, 12})
	kept := u.tile[0]
	if err := u.Execute(Instruction{Op: TILEZERO, Tile: 1}, new(Registers), nil); err != nil {
		t.Fatal(err)
	}
	if u.tile[1] != (tile{rows: 3, colsb: 12}) || u.tile[0] != kept {
		t.Error("TILEZERO did not zero its tile, or another one")
	}
	for range 2 { // the second without a configuration
		if err := u.Execute(Instruction{Op: TILERELEASE}, new(Registers), nil); err != nil || *u != (Unit{}) {
			t.Errorf("TILERELEASE: %v", err)
		}
	}
}
