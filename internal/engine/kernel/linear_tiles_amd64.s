//go:build !purego

#include "textflag.h"
#include "tiles_amd64.h"

// The linear layer of quantised weights on the matrix unit: up to 16 rows of
// planes, some panels, a few blocks of k (tileCall). For every panel and block
//
//	t = hi . q + lo . q     the unit, on tiles of 16 rows, 32 k, 16 outputs
//	acc += t*d (+ m*s)      the vectors, on its 16 rows
//
// and the weights' integers have to be made bf16 first. The three are kept
// busy side by side: while the unit does a panel's block, the vectors expand
// that block of the next panel and scale that of the one before.
//
//	SI   x, hi plane of the block; rows R8 apart
//	R9   the block's expanded tile         R10  64, its rows' distance
//	R11  where the unit's t goes, by block
//	DI   next panel's packed tile, 0: none R12  where it is expanded to
//	R13  last panel's packed tile, 0: none R14  its t         DX  its acc
//	BX   sums, 16 of the block side by side
//	CX   blocks left                       R15  panels left
//	Z0 to Z15  acc   Z16 d   Z17 m   Z18 to Z23 scratch
//	Z24  table of nibbles (linear_quads_amd64.s)   Z25 to Z31 scratch of the expansion

// 16 rows, OP(row, register of acc, scratch).
#define ROWS(OP) \
	OP(0, Z0, Z18); \
	OP(1, Z1, Z19); \
	OP(2, Z2, Z20); \
	OP(3, Z3, Z21); \
	OP(4, Z4, Z22); \
	OP(5, Z5, Z23); \
	OP(6, Z6, Z18); \
	OP(7, Z7, Z19); \
	OP(8, Z8, Z20); \
	OP(9, Z9, Z21); \
	OP(10, Z10, Z22); \
	OP(11, Z11, Z23); \
	OP(12, Z12, Z18); \
	OP(13, Z13, Z19); \
	OP(14, Z14, Z20); \
	OP(15, Z15, Z21)

#define LOADACC(R, ACC, T) VMOVUPS (64*R)(DX), ACC
#define SAVEACC(R, ACC, T) VMOVUPS ACC, (64*R)(DX)

// acc += t*d
#define SCALE(R, ACC, T) \
	VMULPS (64*R)(R14), Z16, T; \
	VADDPS T, ACC, ACC

// The same, then acc += m*s.
#define SCALEMIN(R, ACC, T) \
	VMULPS      (64*R)(R14), Z16, T; \
	VADDPS      T, ACC, ACC;         \
	VMULPS.BCST (4*R)(BX), Z17, T;   \
	VADDPS      T, ACC, ACC

// A packed tile at DI to pairs of k as bf16 at R12. Nibbles: four pairs lie in a
// dword.
#define NIBBLES8(AT) \
	VMOVDQU32 (AT)(DI), Z25;        \
	VPSRLW    $4, Z25, Z26;         \
	VPSRLW    $8, Z25, Z27;         \
	VPSRLW    $12, Z25, Z28;        \
	VPERMW    Z24, Z25, Z25;        \
	VPERMW    Z24, Z26, Z26;        \
	VPERMW    Z24, Z27, Z27;        \
	VPERMW    Z24, Z28, Z28;        \
	VMOVDQU32 Z25, (4*AT)(R12);     \
	VMOVDQU32 Z26, (4*AT+64)(R12);  \
	VMOVDQU32 Z27, (4*AT+128)(R12); \
	VMOVDQU32 Z28, (4*AT+192)(R12)

#define NIBBLES \
	NIBBLES8(0);   \
	NIBBLES8(64);  \
	NIBBLES8(128); \
	NIBBLES8(192)

// Bytes of two k, which as float32 are bf16 and 16 zeros.
#define BYTES2(AT) \
	VPMOVSXBD (AT)(DI), Z25;    \
	VPMOVSXBD (AT+16)(DI), Z26; \
	VCVTDQ2PS Z25, Z25;         \
	VCVTDQ2PS Z26, Z26;         \
	VPSRLD    $16, Z25, Z25;    \
	VPORD     Z26, Z25, Z25;    \
	VMOVDQU32 Z25, (2*AT)(R12)

#define BYTES \
	BYTES2(0); \
	BYTES2(32); \
	BYTES2(64); \
	BYTES2(96); \
	BYTES2(128); \
	BYTES2(160); \
	BYTES2(192); \
	BYTES2(224); \
	BYTES2(256); \
	BYTES2(288); \
	BYTES2(320); \
	BYTES2(352); \
	BYTES2(384); \
	BYTES2(416); \
	BYTES2(448); \
	BYTES2(480)

// The last panel's block: its scales, and its share of acc.
#define D16(AT, OP) \
	VCVTPH2PS (AT)(R13), Z16; \
	ROWS(OP)

#define D16M16(AT, OP) \
	VCVTPH2PS (AT)(R13), Z16;    \
	VCVTPH2PS (AT+32)(R13), Z17; \
	ROWS(OP)

// One block of one panel, on the tiles C, HI, LO and B.
#define BLOCK(C, HI, LO, B, EXPAND, SIZE, SCALES, SKIP, NOPREV) \
	TILEZERO(C);                  \
	TILELOADD(B, 0, 9, 10);       \
	TILELOADD(HI, 0, 6, 8);       \
	TILELOADD(LO, 64, 6, 8);      \
	TDPBF16PS(C, HI, B);          \
	TDPBF16PS(C, LO, B);          \
	TILESTORED(C, 0, 11, 10);     \
	TESTQ DI, DI;                 \
	JZ    SKIP;                   \
	EXPAND;                       \
	ADDQ $SIZE, DI;               \
	ADDQ $1024, R12;              \
SKIP:                             \
	TESTQ R13, R13;               \
	JZ    NOPREV;                 \
	SCALES;                       \
	ADDQ $SIZE, R13;              \
	ADDQ $1024, R14;              \
NOPREV:                           \
	ADDQ $64, BX;                 \
	ADDQ $128, SI;                \
	ADDQ $1024, R9;               \
	ADDQ $1024, R11

// A tileCall in c; the frame has the packed tile of the panel in work.
#define TILES(EXPAND, SIZE, SCALES) \
	MOVQ c+0(FP), AX;           \
	MOVQ 0(AX), DX;             \
	MOVQ 8(AX), SI;             \
	MOVQ 16(AX), R8;            \
	MOVQ 24(AX), BX;            \
	MOVQ 32(AX), DI;            \
	MOVQ 48(AX), R9;            \
	MOVQ 64(AX), R15;           \
	MOVQ 88(AX), R11;           \
	MOVQ $64, R10;              \
	MOVQ DI, panel-8(SP);       \
	XORL R13, R13;              \
	XORL R14, R14;              \
	CMPQ 72(AX), $0;            \
	JEQ  expanded;              \
	MOVQ 56(AX), CX;            \
	MOVQ R9, R12;               \
first:                          \
	EXPAND;                     \
	ADDQ $SIZE, DI;             \
	ADDQ $1024, R12;            \
	DECQ CX;                    \
	JNZ  first;                 \
expanded:                       \
	MOVQ 80(AX), AX;            \
	LDTILECFG_AX;               \
panel:                          \
	MOVQ c+0(FP), AX;           \
	MOVQ 56(AX), CX;            \
	XORL DI, DI;                \
	CMPQ 72(AX), $0;            \
	JEQ  expandNone;            \
	CMPQ R15, $1;               \
	JEQ  expandNone;            \
	MOVQ panel-8(SP), DI;       \
	ADDQ 40(AX), DI;            \
	MOVQ CX, R12;               \
	SHLQ $10, R12;              \
	ADDQ R9, R12;               \
expandNone:                     \
	TESTQ R13, R13;             \
	JZ   block;                 \
	ROWS(LOADACC);              \
block:                          \
	BLOCK(0, 4, 5, 6, EXPAND, SIZE, SCALES, skipEven, noPrevEven); \
	DECQ CX;                    \
	JZ   panelDone;             \
	BLOCK(1, 2, 3, 7, EXPAND, SIZE, SCALES, skipOdd, noPrevOdd); \
	DECQ CX;                    \
	JNZ  block;                 \
panelDone:                      \
	TESTQ R13, R13;             \
	JZ   noSave;                \
	ROWS(SAVEACC);              \
	ADDQ $1024, DX;             \
noSave:                         \
	MOVQ c+0(FP), AX;           \
	MOVQ panel-8(SP), R13;      \
	MOVQ R13, CX;               \
	ADDQ 40(AX), CX;            \
	MOVQ CX, panel-8(SP);       \
	MOVQ 56(AX), CX;            \
	SHLQ $6, CX;                \
	SUBQ CX, BX;                \
	ADDQ CX, CX;                \
	SUBQ CX, SI;                \
	SHLQ $3, CX;                \
	SUBQ CX, R11;               \
	MOVQ R11, R14;              \
	MOVQ 88(AX), CX;            \
	MOVQ 96(AX), R11;           \
	CMPQ R14, CX;               \
	JEQ  swapped;               \
	MOVQ CX, R11;               \
swapped:                        \
	DECQ R15;                   \
	JNZ  panel;                 \
	MOVQ 56(AX), CX;            \
	ROWS(LOADACC);              \
last:                           \
	SCALES;                     \
	ADDQ $SIZE, R13;            \
	ADDQ $1024, R14;            \
	ADDQ $64, BX;               \
	DECQ CX;                    \
	JNZ  last;                  \
	ROWS(SAVEACC);              \
	TILERELEASE;                \
	VZEROUPPER;                 \
	RET

// func linearQ41Tiles(c *tileCall)
TEXT ·linearQ41Tiles(SB), NOSPLIT, $8-8
	VMOVDQU16 ·bf16Nibbles41(SB), Z24
	TILES(NIBBLES, 320, D16M16(256, SCALEMIN))

// func linearQ40Tiles(c *tileCall)
TEXT ·linearQ40Tiles(SB), NOSPLIT, $8-8
	VMOVDQU16 ·bf16Nibbles40(SB), Z24
	TILES(NIBBLES, 288, D16(256, SCALE))

// func linearQ8Tiles(c *tileCall)
TEXT ·linearQ8Tiles(SB), NOSPLIT, $8-8
	TILES(BYTES, 544, D16(512, SCALE))
