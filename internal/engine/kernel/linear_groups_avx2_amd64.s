//go:build !purego

#include "textflag.h"
#include "linear_rows_avx2.h"

// The linear layer on AVX2 with FMA, for many rows of a panel, 2 or 3 at a time, whose
// tiles have been expanded to float32 (expand_avx2_amd64.s).
//
// What a block adds to out is worked out while the next block's first plane is
// multiplied: its few long chains would otherwise fill the processor's queues and
// keep multiplications out of them. So the dot products of both planes wait in memory,
// and out, the sums and the scales are followed by pointers of their own, which are
// one block behind.
//
// Registers: linear_rows_avx2.h, and
//	Y12 to Y15 scratch, between the k
//
//	SI  x, at this plane; rows R8 apart
//	DI  expanded tile
//	R9  blocks to come of these rows, R12 groups of rows to come
//	CX  quarter of a plane, counting down; scratch
// and one block behind them
//	DX  out; rows R11 apart
//	BX  sums, at the block; rows AX apart
//	R10 scales of the expanded tile
//	R13 dot products: [plane][row][16]

// Weights of k K from DI on.
#define WEIGHTS(K) \
	VMOVUPS (64*(K))(DI), Y12; \
	VMOVUPS (64*(K)+32)(DI), Y13

// The products of one k with 2 and with 3 rows.
#define EVEN2(K) \
	WEIGHTS(K);                  \
	MULTIPLY((4*(K))(SI), Y0, Y3); \
	MULTIPLY((4*(K))(SI)(R8*1), Y1, Y4)

#define ODD2(K) \
	WEIGHTS(K);                  \
	MULTIPLY((4*(K))(SI), Y6, Y9); \
	MULTIPLY((4*(K))(SI)(R8*1), Y7, Y10)

#define EVEN3(K) \
	EVEN2(K); \
	MULTIPLY((4*(K))(SI)(R8*2), Y2, Y5)

#define ODD3(K) \
	ODD2(K); \
	MULTIPLY((4*(K))(SI)(R8*2), Y8, Y11)

// A quarter of a plane: 8 k from K on.
#define QUARTER2(K) \
	EVEN2(K); ODD2(K+1);   \
	EVEN2(K+2); ODD2(K+3); \
	EVEN2(K+4); ODD2(K+5); \
	EVEN2(K+6); ODD2(K+7)

#define QUARTER3(K) \
	EVEN3(K); ODD3(K+1);   \
	EVEN3(K+2); ODD3(K+3); \
	EVEN3(K+4); ODD3(K+5); \
	EVEN3(K+6); ODD3(K+7)

// KEEP is a row's dot products, of even and of odd k together, kept at AT.
#define KEEP(AT, EVEN, ODD, EVEN8, ODD8) \
	VADDPS  ODD, EVEN, EVEN;    \
	VMOVUPS EVEN, (AT)(R13);    \
	VADDPS  ODD8, EVEN8, EVEN8; \
	VMOVUPS EVEN8, (AT+32)(R13)

#define KEEP2(AT) \
	KEEP(AT, Y0, Y6, Y3, Y9); \
	KEEP(AT+64, Y1, Y7, Y4, Y10)

#define KEEP3(AT) \
	KEEP2(AT); \
	KEEP(AT+128, Y2, Y8, Y5, Y11)

// LO is where the lo plane's dot products are kept, SECOND those of the hi plane with a
// second plane of weights.
#define LO 192
#define SECOND 384

// TIMES is a row's (hi + lo)*d, in Y12 and Y13.
#define TIMES(AT) \
	VMOVUPS (AT)(R13), Y12;            \
	VMOVUPS (AT+32)(R13), Y13;         \
	VADDPS  (AT+LO)(R13), Y12, Y12;    \
	VADDPS  (AT+LO+32)(R13), Y13, Y13; \
	VMULPS  (R10), Y12, Y12;           \
	VMULPS  32(R10), Y13, Y13

// SCALED adds that to the row's outputs at OUT and OUT8, MINIMUM also m*s of the sum
// at SUM.
#define SCALED(AT, OUT, OUT8, SUM) \
	TIMES(AT);                         \
	VADDPS  OUT, Y12, Y12;             \
	VMOVUPS Y12, OUT;                  \
	VADDPS  OUT8, Y13, Y13;            \
	VMOVUPS Y13, OUT8

#define MINIMUM(AT, OUT, OUT8, SUM) \
	TIMES(AT);                         \
	VADDPS  OUT, Y12, Y12;             \
	VADDPS  OUT8, Y13, Y13;            \
	VBROADCASTSS SUM, Y14;             \
	VMULPS  64(R10), Y14, Y15;         \
	VMULPS  96(R10), Y14, Y14;         \
	VADDPS  Y15, Y12, Y12;             \
	VMOVUPS Y12, OUT;                  \
	VADDPS  Y14, Y13, Y13;             \
	VMOVUPS Y13, OUT8

// UNSCALED adds hi, and then lo, PLANES also then hi with the second weight plane.
#define UNSCALED(AT, OUT, OUT8, SUM) \
	VMOVUPS OUT, Y12;                  \
	VMOVUPS OUT8, Y13;                 \
	VADDPS  (AT)(R13), Y12, Y12;       \
	VADDPS  (AT+32)(R13), Y13, Y13;    \
	VADDPS  (AT+LO)(R13), Y12, Y12;    \
	VMOVUPS Y12, OUT;                  \
	VADDPS  (AT+LO+32)(R13), Y13, Y13; \
	VMOVUPS Y13, OUT8

#define PLANES(AT, OUT, OUT8, SUM) \
	VMOVUPS OUT, Y12;                      \
	VMOVUPS OUT8, Y13;                     \
	VADDPS  (AT)(R13), Y12, Y12;           \
	VADDPS  (AT+32)(R13), Y13, Y13;        \
	VADDPS  (AT+LO)(R13), Y12, Y12;        \
	VADDPS  (AT+LO+32)(R13), Y13, Y13;     \
	VADDPS  (AT+SECOND)(R13), Y12, Y12;    \
	VMOVUPS Y12, OUT;                      \
	VADDPS  (AT+SECOND+32)(R13), Y13, Y13; \
	VMOVUPS Y13, OUT8

#define ROW0(FINISH) FINISH(0, (DX), 32(DX), (BX))
#define ROW1(FINISH) FINISH(64, (DX)(R11*1), 32(DX)(R11*1), (BX)(AX*1))
#define ROW2(FINISH) FINISH(128, (DX)(R11*2), 32(DX)(R11*2), (BX)(AX*2))
#define NOROW(FINISH)

// The expanded tile with its scales and minima, expandedTileBytes; its weights are 2,048
// of them.
#define TILE 2176

// DOT is a plane's dot products with the tile at DI, which it leaves behind.
#define DOT(LABEL, ZERO, QUARTER) \
	ZERO;          \
	MOVQ $4, CX;   \
LABEL:             \
	QUARTER(0);    \
	ADDQ $512, DI; \
	ADDQ $32, SI;  \
	DECQ CX;       \
	JNZ  LABEL

// SECONDLY multiplies the hi plane of x with the second plane of weights.
#define SECONDLY(ZERO, QUARTER, KEEPING) \
	SUBQ $256, SI;              \
	DOT(second, ZERO, QUARTER); \
	KEEPING(SECOND);            \
	ADDQ $(TILE-2048), DI;      \
	ADDQ $128, SI

#define ONCE(ZERO, QUARTER, KEEPING)

#define GROUPS(ROWS, ZERO, QUARTER, KEEPING, MORE, FINISH, LAST) \
	MOVQ out+0(FP), DX;           \
	MOVQ stride+8(FP), R11;       \
	MOVQ x+16(FP), SI;            \
	MOVQ xStride+24(FP), R8;      \
	MOVQ sums+32(FP), BX;         \
	MOVQ sumStride+40(FP), AX;    \
	MOVQ groups+64(FP), R12;      \
	LEAQ 31(SP), R13;             \
	ANDQ $~31, R13;               \
group:                            \
	MOVQ wide+48(FP), DI;         \
	LEAQ 2048(DI), R10;           \
	MOVQ blocks+56(FP), R9;       \
	DOT(first, ZERO, QUARTER);    \
	JMP  hi;                      \
block:                            \
	ZERO;                         \
	QUARTER(0);                   \
	ROW0(FINISH);                 \
	QUARTER(8);                   \
	ROW1(FINISH);                 \
	QUARTER(16);                  \
	LAST(FINISH);                 \
	QUARTER(24);                  \
	ADDQ $128, SI;                \
	ADDQ $2048, DI;               \
	ADDQ $TILE, R10;              \
	ADDQ $4, BX;                  \
hi:                               \
	KEEPING(0);                   \
	SUBQ $2048, DI;               \
	DOT(lo, ZERO, QUARTER);       \
	KEEPING(LO);                  \
	ADDQ $(TILE-2048), DI;        \
	MORE(ZERO, QUARTER, KEEPING); \
	DECQ R9;                      \
	JNZ  block;                   \
	ROW0(FINISH);                 \
	ROW1(FINISH);                 \
	LAST(FINISH);                 \
	MOVQ  blocks+56(FP), R9;      \
	IMUL3Q $ROWS, R11, CX;        \
	ADDQ  CX, DX;                 \
	IMUL3Q $ROWS, AX, CX;         \
	LEAQ  4(BX)(CX*1), BX;        \
	LEAQ  (R9*4), CX;             \
	SUBQ  CX, BX;                 \
	SHLQ  $8, R9;                 \
	SUBQ  R9, SI;                 \
	IMUL3Q $ROWS, R8, CX;         \
	ADDQ  CX, SI;                 \
	DECQ  R12;                    \
	JNZ   group;                  \
	VZEROUPPER;                   \
	RET

// func linearMinGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)
TEXT ·linearMinGroups2(SB), NOSPLIT, $416-72
	GROUPS(2, ZERO2, QUARTER2, KEEP2, ONCE, MINIMUM, NOROW)

// func linearMinGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)
TEXT ·linearMinGroups3(SB), NOSPLIT, $416-72
	GROUPS(3, ZERO3, QUARTER3, KEEP3, ONCE, MINIMUM, ROW2)

// func linearScaleGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)
TEXT ·linearScaleGroups2(SB), NOSPLIT, $416-72
	GROUPS(2, ZERO2, QUARTER2, KEEP2, ONCE, SCALED, NOROW)

// func linearScaleGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)
TEXT ·linearScaleGroups3(SB), NOSPLIT, $416-72
	GROUPS(3, ZERO3, QUARTER3, KEEP3, ONCE, SCALED, ROW2)

// func linearUnscaledGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)
TEXT ·linearUnscaledGroups2(SB), NOSPLIT, $416-72
	GROUPS(2, ZERO2, QUARTER2, KEEP2, ONCE, UNSCALED, NOROW)

// func linearUnscaledGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)
TEXT ·linearUnscaledGroups3(SB), NOSPLIT, $416-72
	GROUPS(3, ZERO3, QUARTER3, KEEP3, ONCE, UNSCALED, ROW2)

// func linearPlanesGroups2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)
TEXT ·linearPlanesGroups2(SB), NOSPLIT, $608-72
	GROUPS(2, ZERO2, QUARTER2, KEEP2, SECONDLY, PLANES, NOROW)

// func linearPlanesGroups3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, groups uintptr)
TEXT ·linearPlanesGroups3(SB), NOSPLIT, $608-72
	GROUPS(3, ZERO3, QUARTER3, KEEP3, SECONDLY, PLANES, ROW2)
