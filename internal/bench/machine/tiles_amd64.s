//go:build !purego

#include "textflag.h"

// Instructions on tiles of matrices (AMX), which Go's assembler does not know.
#define LDTILECFG_AX LONG $0x4978E2C4; BYTE $0x00                       // tiles as (AX) says
#define TILERELEASE LONG $0x4978E2C4; BYTE $0xC0                        // no tiles any more
#define TILEZERO(T) LONG $0x497BE2C4; BYTE $(0xC0 | (T)<<3)             // T = 0
#define TILELOADD_SI_BX(T) LONG $0x4B7BE2C4; WORD $(0x1E04 | (T)<<3)    // T = rows at SI, BX bytes apart
#define TILESTORED_DI_BX(T) LONG $0x4B7AE2C4; WORD $(0x1F04 | (T)<<3)   // rows at DI, BX bytes apart = T
#define TDPBF16PS_6_7(T) LONG $0x5C42E2C4; BYTE $(0xC6 | (T)<<3)        // T += tile 6 . tile 7

// func multiplyTiles(rounds uintptr, config *tileConfig, ones *[512]uint16, sums *[6][256]float32)
// A round is 14 instructions, as everywhere, on 6 accumulators: as many as two
// operands leave.
TEXT ·multiplyTiles(SB), NOSPLIT, $0-32
	MOVQ rounds+0(FP), CX
	MOVQ config+8(FP), AX
	MOVQ ones+16(FP), SI
	MOVQ sums+24(FP), DI
	MOVQ $64, BX
	LDTILECFG_AX
	TILELOADD_SI_BX(6)
	TILELOADD_SI_BX(7)
	TILEZERO(0)
	TILEZERO(1)
	TILEZERO(2)
	TILEZERO(3)
	TILEZERO(4)
	TILEZERO(5)

round:
	TDPBF16PS_6_7(0)
	TDPBF16PS_6_7(1)
	TDPBF16PS_6_7(2)
	TDPBF16PS_6_7(3)
	TDPBF16PS_6_7(4)
	TDPBF16PS_6_7(5)
	TDPBF16PS_6_7(0)
	TDPBF16PS_6_7(1)
	TDPBF16PS_6_7(2)
	TDPBF16PS_6_7(3)
	TDPBF16PS_6_7(4)
	TDPBF16PS_6_7(5)
	TDPBF16PS_6_7(0)
	TDPBF16PS_6_7(1)
	DECQ CX
	JNZ  round

	TILESTORED_DI_BX(0)
	ADDQ $1024, DI
	TILESTORED_DI_BX(1)
	ADDQ $1024, DI
	TILESTORED_DI_BX(2)
	ADDQ $1024, DI
	TILESTORED_DI_BX(3)
	ADDQ $1024, DI
	TILESTORED_DI_BX(4)
	ADDQ $1024, DI
	TILESTORED_DI_BX(5)
	TILERELEASE
	RET
