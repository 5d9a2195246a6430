//go:build !purego

#include "textflag.h"
#include "tiles_amd64.h"

// The linear layer of weights in bf16 on the matrix unit, whose sums are the
// definition's own: the accumulators stay in its tiles (tilePairCall). Two tiles
// of rows by two panels are in work at a time, since a sum waits for the one
// before it.
//
//	SI, R9   x of the first and the second 16 rows, hi plane; rows R8 apart
//	DI, R11  tiles of the first and the second panel; rows R10 = 64 apart
//	DX, BX   out of the first and the second 16 rows; rows CX apart
//	R12      panelBytes       R13  blocks left       R14  panels left
//	AX       next entry of the table of blocks, 0: none; R15 scratch
//	T0, T1   rows 0 to 15 of the two panels     T2, T3  rows 16 to 31
//	T4, T5   x                                  T6, T7  weights

// By how many panels and how many tiles of rows, 1 or 2.
#define SUMS22(OP) OP(0, 0, 2, 1); OP(1, 64, 2, 1); OP(2, 0, 3, 1); OP(3, 64, 3, 1)
#define SUMS21(OP) OP(0, 0, 2, 1); OP(1, 64, 2, 1)
#define SUMS12(OP) OP(0, 0, 2, 1); OP(2, 0, 3, 1)
#define SUMS11(OP) OP(0, 0, 2, 1)

#define MULTIPLY22 TDPBF16PS(0, 4, 6); TDPBF16PS(1, 4, 7); TDPBF16PS(2, 5, 6); TDPBF16PS(3, 5, 7)
#define MULTIPLY21 TDPBF16PS(0, 4, 6); TDPBF16PS(1, 4, 7)
#define MULTIPLY12 TDPBF16PS(0, 4, 6); TDPBF16PS(2, 5, 6)
#define MULTIPLY11 TDPBF16PS(0, 4, 6)

#define X1(PLANE) TILELOADD(4, PLANE, 6, 8)
#define X2(PLANE) TILELOADD(4, PLANE, 6, 8); TILELOADD(5, PLANE, 9, 8)
#define WEIGHTS1(PLANE) TILELOADD(6, PLANE, 7, 10)
#define WEIGHTS2(PLANE) TILELOADD(6, PLANE, 7, 10); TILELOADD(7, PLANE, 11, 10)

// One plane of weights: acc += hi . w, acc += lo . w.
#define ONE(X, WEIGHTS, MULTIPLY) \
	WEIGHTS(0); \
	X(0);       \
	MULTIPLY;   \
	X(64);      \
	MULTIPLY

// Two: then acc += hi . w2.
#define TWO(X, WEIGHTS, MULTIPLY) \
	ONE(X, WEIGHTS, MULTIPLY); \
	WEIGHTS(1024);             \
	X(0);                      \
	MULTIPLY

// The blocks of some panels and tiles of rows, then to NEXT.
#define BLOCKS(LOOP, LAST, PLANES, BYTES, SUMS, X, WEIGHTS, MULTIPLY, NEXT) \
	SUMS(TILELOADD);                 \
LOOP:                                \
	PLANES(X, WEIGHTS, MULTIPLY);    \
	ADDQ $128, SI;                   \
	ADDQ $128, R9;                   \
	ADDQ $BYTES, DI;                 \
	ADDQ $BYTES, R11;                \
	DECQ R13;                        \
	JZ   LAST;                       \
	TESTQ AX, AX;                    \
	JZ   LOOP;                       \
	MOVQ (AX), DI;                   \
	ADDQ $24, AX;                    \
	ADDQ R15, DI;                    \
	LEAQ (DI)(R12*1), R11;           \
	JMP  LOOP;                       \
LAST:                                \
	SUMS(TILESTORED);                \
	JMP NEXT

// A tilePairCall in c; the frame has the panel in work: its tiles, its offset in
// the table's blocks.
#define PAIRS(PLANES, BYTES) \
	MOVQ c+0(FP), R15;          \
	MOVQ 80(R15), AX;           \
	LDTILECFG_AX;               \
	MOVQ 0(R15), DX;            \
	MOVQ 8(R15), CX;            \
	MOVQ 24(R15), R8;           \
	MOVQ 40(R15), R12;          \
	MOVQ 56(R15), R14;          \
	MOVQ 32(R15), DI;           \
	MOVQ DI, panel-8(SP);       \
	MOVQ 72(R15), DI;           \
	MOVQ DI, offset-16(SP);     \
	MOVQ $64, R10;              \
panels:                         \
	MOVQ c+0(FP), R15;          \
	MOVQ 16(R15), SI;           \
	MOVQ R8, R9;                \
	SHLQ $4, R9;                \
	ADDQ SI, R9;                \
	MOVQ CX, BX;                \
	SHLQ $4, BX;                \
	ADDQ DX, BX;                \
	MOVQ panel-8(SP), DI;       \
	LEAQ (DI)(R12*1), R11;      \
	MOVQ 48(R15), R13;          \
	MOVQ 64(R15), AX;           \
	CMPQ R14, $1;               \
	JEQ  onePanel;              \
	CMPQ 88(R15), $0;           \
	JEQ  twoOne;                \
	MOVQ offset-16(SP), R15;    \
	BLOCKS(loop22, last22, PLANES, BYTES, SUMS22, X2, WEIGHTS2, MULTIPLY22, next); \
twoOne:                         \
	MOVQ offset-16(SP), R15;    \
	BLOCKS(loop21, last21, PLANES, BYTES, SUMS21, X1, WEIGHTS2, MULTIPLY21, next); \
onePanel:                       \
	CMPQ 88(R15), $0;           \
	JEQ  oneOne;                \
	MOVQ offset-16(SP), R15;    \
	BLOCKS(loop12, last12, PLANES, BYTES, SUMS12, X2, WEIGHTS1, MULTIPLY12, done); \
oneOne:                         \
	MOVQ offset-16(SP), R15;    \
	BLOCKS(loop11, last11, PLANES, BYTES, SUMS11, X1, WEIGHTS1, MULTIPLY11, done); \
next:                           \
	ADDQ $128, DX;              \
	LEAQ (R12)(R12*1), DI;      \
	ADDQ DI, panel-8(SP);       \
	ADDQ DI, offset-16(SP);     \
	SUBQ $2, R14;               \
	JNZ  panels;                \
done:                           \
	TILERELEASE;                \
	RET

// func linearBF16Tiles(c *tilePairCall)
TEXT ·linearBF16Tiles(SB), NOSPLIT, $16-8
	PAIRS(ONE, 1024)

// func linearBF16x2Tiles(c *tilePairCall)
TEXT ·linearBF16x2Tiles(SB), NOSPLIT, $16-8
	PAIRS(TWO, 2048)
