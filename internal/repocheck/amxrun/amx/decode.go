package amx

import "encoding/binary"

// An Op is an instruction without its operands.
type Op uint8

const (
	LDTILECFG Op = iota + 1
	TILERELEASE
	TILEZERO
	TILELOADD
	TILESTORED
	TDPBF16PS
)

// An Instruction is one that [Unit.Execute] can carry out.
type Instruction struct {
	Op         Op
	Len        int     // bytes
	Tile       int     // the tile that is written, or that TILESTORED reads
	Src1, Src2 int     // the tiles that TDPBF16PS multiplies
	Mem        Operand // of LDTILECFG, TILELOADD and TILESTORED
}

// An Operand is a place in memory. Registers are counted as in encodings: 0 is
// AX, 1 CX, 2 DX, 3 BX, 4 SP, 5 BP, 6 SI, 7 DI, then R8 to R15.
type Operand struct {
	Base, Index int // a register, or None; Base may be RIP
	Shift       int // the index counts times 1<<Shift
	Disp        int32
}

const (
	None = -1
	RIP  = 16 // the address of the next instruction
)

// Mandatory prefixes, as VEX holds them.
const (
	prefixNone = 0
	prefixF3   = 2
	prefixF2   = 3
)

// Decode reads the instruction at the beginning of code. It fails for all but
// those of this package, among them the same ones with a segment or
// address-size prefix, and for those cut short.
func Decode(code []byte) (Instruction, bool) {
	// VEX with three bytes: c4, then R X B and the opcode map, then W vvvv L and
	// the prefix. R, X, B and vvvv are inverted; they extend register numbers.
	if len(code) < 5 || code[0] != 0xc4 || code[1]&0x1f != 2 || code[2]&0x84 != 0 {
		return Instruction{}, false // not VEX, not map 0F38, or W or L set
	}
	var (
		r, x, b = int(^code[1] >> 7 & 1), int(^code[1] >> 6 & 1), int(^code[1] >> 5 & 1)
		v       = int(^code[2] >> 3 & 15)
		prefix  = code[2] & 3
		opcode  = code[3]
		mod     = code[4] >> 6
		reg     = int(code[4] >> 3 & 7)
		rm      = int(code[4] & 7)
	)
	if r != 0 {
		return Instruction{}, false // there is no tile 8
	}
	in := Instruction{Len: 5, Tile: reg}
	switch inMemory := mod != 3; {
	case opcode == 0x49 && prefix == prefixNone && inMemory && reg == 0:
		in.Op = LDTILECFG
	case opcode == 0x49 && prefix == prefixNone && code[4] == 0xc0:
		in.Op = TILERELEASE
	case opcode == 0x49 && prefix == prefixF2 && !inMemory && rm == 0:
		in.Op = TILEZERO
	case opcode == 0x4b && prefix == prefixF2 && inMemory && rm == 4:
		in.Op = TILELOADD
	case opcode == 0x4b && prefix == prefixF3 && inMemory && rm == 4:
		in.Op = TILESTORED
	case opcode == 0x5c && prefix == prefixF3 && !inMemory:
		in.Op, in.Src1, in.Src2 = TDPBF16PS, rm, v
		return in, b == 0 && v < 8
	default:
		return Instruction{}, false
	}
	if v != 0 {
		return Instruction{}, false
	}
	if mod == 3 {
		return in, true
	}
	var n int
	var ok bool
	in.Mem, n, ok = decodeOperand(code[5:], mod, rm, x<<3, b<<3)
	in.Len += n
	return in, ok
}

// decodeOperand reads what follows the ModRM byte, and says how many bytes that
// was.
func decodeOperand(code []byte, mod byte, rm, x, b int) (o Operand, n int, ok bool) {
	o = Operand{Base: rm | b, Index: None}
	base := rm
	if rm == 4 { // a SIB byte
		if len(code) < 1 {
			return o, 0, false
		}
		base = int(code[0] & 7)
		o.Base, o.Index, o.Shift = base|b, int(code[0]>>3&7)|x, int(code[0]>>6)
		if o.Index == 4 {
			o.Index = None
		}
		n = 1
	}
	width := []int{0: 0, 1: 1, 2: 4}[mod]
	if mod == 0 && base == 5 { // instead of BP and R13
		o.Base, width = None, 4
		if rm == 5 {
			o.Base = RIP
		}
	}
	code = code[n:]
	if len(code) < width {
		return o, n, false
	}
	switch width {
	case 1:
		o.Disp = int32(int8(code[0]))
	case 4:
		o.Disp = int32(binary.LittleEndian.Uint32(code))
	}
	return o, n + width, true
}
