#include "textflag.h"

// What Go's assembler lacks. T is the number of a tile.
#define LDTILECFG_AX       BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x00
#define TILERELEASE        BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0
#define TILEZERO(T)        BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $(0xc0|T<<3)
#define TILELOADD_SI_R8(T) BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $(0x04|T<<3); BYTE $0x06
#define TILELOADD_R9_R8(T) BYTE $0xc4; BYTE $0x82; BYTE $0x7b; BYTE $0x4b; BYTE $(0x04|T<<3); BYTE $0x01
#define TILELOADD_DI_R10(T) BYTE $0xc4; BYTE $0xa2; BYTE $0x7b; BYTE $0x4b; BYTE $(0x04|T<<3); BYTE $0x17
#define TILELOADD_R11_R10(T) BYTE $0xc4; BYTE $0x82; BYTE $0x7b; BYTE $0x4b; BYTE $(0x04|T<<3); BYTE $0x13
#define TILESTORED_DX_CX(T) BYTE $0xc4; BYTE $0xe2; BYTE $0x7a; BYTE $0x4b; BYTE $(0x04|T<<3); BYTE $0x0a
#define TILESTORED_DX_CX_64(T) BYTE $0xc4; BYTE $0xe2; BYTE $0x7a; BYTE $0x4b; BYTE $(0x44|T<<3); BYTE $0x0a; BYTE $0x40
#define TDPBF16PS_T4_T6(T) BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5c; BYTE $(0xc4|T<<3)
#define TDPBF16PS_T4_T7(T) BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5c; BYTE $(0xc4|T<<3)
#define TDPBF16PS_T5_T6(T) BYTE $0xc4; BYTE $0xe2; BYTE $0x4a; BYTE $0x5c; BYTE $(0xc5|T<<3)
#define TDPBF16PS_T5_T7(T) BYTE $0xc4; BYTE $0xe2; BYTE $0x42; BYTE $0x5c; BYTE $(0xc5|T<<3)

// func multiply(config *[64]byte, c *[size][size]float32, a *[size][32 * steps]uint16, b *[2][steps][16][16][2]uint16, n uintptr)
TEXT ·multiply(SB), NOSPLIT, $0-40
	MOVQ config+0(FP), AX
	MOVQ c+8(FP), DX
	MOVQ a+16(FP), SI
	MOVQ b+24(FP), DI
	MOVQ n+32(FP), R12
	MOVQ R12, R8
	SHLQ $6, R8            // bytes in a row of a
	MOVQ R8, R9
	SHLQ $4, R9
	ADDQ SI, R9            // its lower 16 rows
	MOVQ $64, R10
	MOVQ R12, R11
	SHLQ $10, R11
	ADDQ DI, R11           // b for the right half
	MOVQ $128, CX          // bytes in a row of c
	LDTILECFG_AX
	TILEZERO(0)
	TILEZERO(1)
	TILEZERO(2)
	TILEZERO(3)

step:
	TILELOADD_SI_R8(4)
	TILELOADD_R9_R8(5)
	TILELOADD_DI_R10(6)
	TILELOADD_R11_R10(7)
	ADDQ $64, SI
	ADDQ $64, R9
	TDPBF16PS_T4_T6(0)
	TDPBF16PS_T4_T7(1)
	TDPBF16PS_T5_T6(2)
	TDPBF16PS_T5_T7(3)
	ADDQ $1024, DI
	ADDQ $1024, R11
	DECQ R12
	JNZ  step

	TILESTORED_DX_CX(0)
	TILESTORED_DX_CX_64(1)
	ADDQ $(16*128), DX
	TILESTORED_DX_CX(2)
	TILESTORED_DX_CX_64(3)
	TILERELEASE
	RET

// func load(config *[64]byte, from *byte)
TEXT ·load(SB), NOSPLIT, $0-16
	MOVQ config+0(FP), AX
	MOVQ from+8(FP), SI
	MOVQ $64, R8
	LDTILECFG_AX
	TILELOADD_SI_R8(0)
	TILERELEASE
	RET

// func store(config *[64]byte, to *byte)
TEXT ·store(SB), NOSPLIT, $0-16
	MOVQ config+0(FP), AX
	MOVQ to+8(FP), DX
	MOVQ $64, CX
	LDTILECFG_AX
	TILESTORED_DX_CX(0)
	TILERELEASE
	RET

// func configure(config *[64]byte)
TEXT ·configure(SB), NOSPLIT, $0-8
	MOVQ config+0(FP), AX
	LDTILECFG_AX
	TILERELEASE
	RET

// func zeroUnconfigured()
TEXT ·zeroUnconfigured(SB), NOSPLIT, $0
	TILERELEASE
	TILEZERO(0)
	RET

// func undefined()
TEXT ·undefined(SB), NOSPLIT, $0
	TILERELEASE
	UNDEF
	RET
