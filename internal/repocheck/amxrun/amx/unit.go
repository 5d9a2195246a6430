package amx

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What the tiles of palette 1 can be.
const (
	tiles    = 8
	maxRows  = 16
	maxColsb = 64 // bytes per row
)

// A Unit holds the tiles of one thread. The zero value is not configured, as a
// thread begins.
type Unit struct {
	startRow int // where an interrupted load or store goes on
	tile     [tiles]tile
}

// A tile is zero beyond its rows and colsb. It is valid if these are not zero.
type tile struct {
	rows, colsb int
	data        [maxRows][maxColsb]byte
}

// Registers are those that an address can be made of.
type Registers struct {
	General [16]uint64
	RIP     uint64
}

// Memory is what addresses are addresses in.
type Memory interface {
	// Read fills rows of one length, row i from addr + i*stride, and Write writes
	// them there. Addresses wrap around. The error is an *AccessError if a byte
	// is not accessible; part of the rows may have been read or written then.
	Read(rows [][]byte, addr, stride uint64) error
	Write(rows [][]byte, addr, stride uint64) error
}

// The exceptions that a processor raises, other than for memory that is not
// accessible.
var (
	ErrInvalidOpcode = errors.New("amx: invalid opcode (#UD)")
	ErrProtection    = errors.New("amx: general protection (#GP)")
)

// An AccessError is a page fault (#PF).
type AccessError struct{ Addr uint64 }

func (e *AccessError) Error() string { return fmt.Sprintf("amx: no access at %#x (#PF)", e.Addr) }

// Execute carries out in, which begins at r.RIP, and moves r.RIP behind it. If
// it fails with one of the errors above, neither r nor u has changed. Any other
// error is the memory's.
func (u *Unit) Execute(in Instruction, r *Registers, m Memory) error {
	err := u.execute(in, r, m)
	if err == nil {
		r.RIP += uint64(in.Len)
	}
	return err
}

func (u *Unit) execute(in Instruction, r *Registers, m Memory) error {
	switch in.Op {
	case LDTILECFG:
		var config [64]byte
		addr, index := in.address(r)
		if err := m.Read([][]byte{config[:]}, addr+index, 0); err != nil {
			return err
		}
		return u.configure(&config)
	case TILERELEASE:
		*u = Unit{}
		return nil
	case TILEZERO:
		t := &u.tile[in.Tile]
		if t.rows == 0 {
			return ErrInvalidOpcode
		}
		t.data = [maxRows][maxColsb]byte{}
	case TILELOADD, TILESTORED:
		if err := u.transfer(in, r, m); err != nil {
			return err
		}
	case TDPBF16PS:
		c, a, b := &u.tile[in.Tile], &u.tile[in.Src1], &u.tile[in.Src2]
		if c == a || c == b || a == b || u.startRow != 0 ||
			!c.inDwords() || !a.inDwords() || !b.inDwords() ||
			c.rows != a.rows || c.colsb != b.colsb || a.colsb/4 != b.rows {
			return ErrInvalidOpcode
		}
		multiply(c, a, b)
	default:
		return ErrInvalidOpcode
	}
	u.startRow = 0
	return nil
}

// configure is LDTILECFG after its memory access.
func (u *Unit) configure(config *[64]byte) error {
	switch palette := config[0]; {
	case palette == 0:
		*u = Unit{}
		return nil
	case palette > 1 || !zero(config[2:16]) || !zero(config[16+2*tiles:48]) || !zero(config[48+tiles:]):
		return ErrProtection
	}
	next := Unit{startRow: int(config[1])}
	for i := range next.tile {
		t := &next.tile[i]
		t.colsb = int(binary.LittleEndian.Uint16(config[16+2*i:]))
		t.rows = int(config[48+i])
		if t.colsb > maxColsb || t.rows > maxRows || (t.colsb == 0) != (t.rows == 0) {
			return ErrProtection
		}
	}
	*u = next
	return nil
}

// transfer is TILELOADD and TILESTORED. The operand's index is the distance of
// the rows.
func (u *Unit) transfer(in Instruction, r *Registers, m Memory) error {
	t := &u.tile[in.Tile]
	if !t.inDwords() || u.startRow >= t.rows {
		return ErrInvalidOpcode
	}
	loaded := *t
	var rows [maxRows][]byte
	for i := range t.rows {
		rows[i] = loaded.data[i][:t.colsb]
	}
	addr, stride := in.address(r)
	addr += uint64(u.startRow) * stride
	part := rows[u.startRow:t.rows]
	if in.Op == TILESTORED {
		return m.Write(part, addr, stride)
	}
	if err := m.Read(part, addr, stride); err != nil {
		return err
	}
	*t = loaded
	return nil
}

// inDwords says whether t is valid and its rows are whole numbers of 4 bytes.
func (t *tile) inDwords() bool { return t.rows > 0 && t.colsb%4 == 0 }

// address gives the operand's base with its displacement, and its scaled index.
func (in Instruction) address(r *Registers) (base, index uint64) {
	o := in.Mem
	base = uint64(int64(o.Disp))
	switch {
	case o.Base == RIP:
		base += r.RIP + uint64(in.Len)
	case o.Base != None:
		base += r.General[o.Base]
	}
	if o.Index != None {
		index = r.General[o.Index] << o.Shift
	}
	return base, index
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
