//go:build !purego

#include "textflag.h"
#include "linear_avx2.h"
#include "linear_rows_avx2.h"

// The linear layer on AVX2 with FMA, for 2 and 3 rows of a whole panel whose weights
// are in bf16 and used as they are packed.
//
// Registers: linear_rows_avx2.h, and
//	Y15     mask of the upper half words
//
//	SI  x, at this plane; rows R8 apart
//	DX  out; rows R11 apart
//	DI  tile
//	BX, AX  with two weight planes, memory to ask for (SOON)
//	CX  quarter of a plane, counting down

// Weights of an even k of the quarter, and of the odd one after it.
#define EVEN(K) \
	VMOVDQU (32*K)(DI), Y12;    \
	VMOVDQU (32*K+32)(DI), Y13; \
	VPSLLD  $16, Y12, Y12;      \
	VPSLLD  $16, Y13, Y13

#define ODD(K) \
	VPAND (32*K-32)(DI), Y15, Y12; \
	VPAND (32*K)(DI), Y15, Y13

// The products of one k with 2 and with 3 rows.
#define EVEN2(K) \
	EVEN(K);                     \
	MULTIPLY((4*K)(SI), Y0, Y3); \
	MULTIPLY((4*K)(SI)(R8*1), Y1, Y4)

#define ODD2(K) \
	ODD(K);                      \
	MULTIPLY((4*K)(SI), Y6, Y9); \
	MULTIPLY((4*K)(SI)(R8*1), Y7, Y10)

#define EVEN3(K) \
	EVEN2(K); \
	MULTIPLY((4*K)(SI)(R8*2), Y2, Y5)

#define ODD3(K) \
	ODD2(K); \
	MULTIPLY((4*K)(SI)(R8*2), Y8, Y11)

// A quarter of a plane: 8 k.
#define PAIRS2 \
	EVEN2(0); ODD2(1); \
	EVEN2(2); ODD2(3); \
	EVEN2(4); ODD2(5); \
	EVEN2(6); ODD2(7); \
	ADDQ $256, DI

#define PAIRS3 \
	EVEN3(0); ODD3(1); \
	EVEN3(2); ODD3(3); \
	EVEN3(4); ODD3(5); \
	EVEN3(6); ODD3(7); \
	ADDQ $256, DI

// DOT is the dot products of a plane of x with a tile, after which SI is at the next
// plane and DI at the next tile.
#define DOT(LABEL, QUARTER, ZERO, MEANWHILE) \
	ZERO;         \
	MOVQ $4, CX;  \
LABEL:            \
	MEANWHILE;    \
	QUARTER;      \
	ADDQ $32, SI; \
	DECQ CX;      \
	JNZ  LABEL

#define NOTHING

// SOON asks for four lines of memory at AT, for the second level of the cache, as
// in linear_avx512.h.
#define SOON(AT) \
	PREFETCHT1 (AT);    \
	PREFETCHT1 64(AT);  \
	PREFETCHT1 128(AT); \
	PREFETCHT1 192(AT); \
	ADDQ $256, AT

#define SOON_BX SOON(BX)

#define SOON_AX \
	SOON(AX); \
	SOON(AX)

// ADD is out += the dot products, of even and of odd k together. Each store follows
// right behind the sum that it stores: elsewhere it keeps a multiplication waiting.
#define ADD(A, B, OUT) \
	VADDPS  B, A, A;   \
	VADDPS  OUT, A, A; \
	VMOVUPS A, OUT

#define ADD2 \
	ADD(Y0, Y6, (DX));        \
	ADD(Y3, Y9, 32(DX));      \
	ADD(Y1, Y7, (DX)(R11*1)); \
	ADD(Y4, Y10, 32(DX)(R11*1))

#define ADD3 \
	ADD2;                     \
	ADD(Y2, Y8, (DX)(R11*2)); \
	ADD(Y5, Y11, 32(DX)(R11*2))

#define ARGUMENTS \
	MOVQ out+0(FP), DX;      \
	MOVQ stride+8(FP), R11;  \
	MOVQ x+16(FP), SI;       \
	MOVQ xStride+24(FP), R8; \
	MOVQ tiles+32(FP), DI

#define PLANES_ARGUMENTS \
	MOVQ out+0(FP), DX;      \
	MOVQ stride+8(FP), R11;  \
	MOVQ x+16(FP), SI;       \
	MOVQ xStride+24(FP), R8; \
	MOVQ soon+32(FP), BX;    \
	MOVQ later+40(FP), AX;   \
	MOVQ tiles+48(FP), DI

#define NEXT(BLOCKS) \
	DECQ BLOCKS; \
	JNZ  block;  \
	VZEROUPPER;  \
	RET

#define ONE_PLANE(QUARTER, ZERO, ADD) \
	ARGUMENTS;                       \
	VMOVDQU uppers<>(SB), Y15;       \
block:                               \
	DOT(hi, QUARTER, ZERO, NOTHING); \
	ADD;                             \
	SUBQ $1024, DI;                  \
	DOT(lo, QUARTER, ZERO, NOTHING); \
	ADD;                             \
	NEXT(blocks+40(FP))

// Two weight planes: hi and lo of x on the first, hi of x on the second. Meanwhile
// each block asks for as many bytes as its tile has, at BX and at AX.
#define PLANES(QUARTER, ZERO, ADD) \
	PLANES_ARGUMENTS;                    \
	VMOVDQU uppers<>(SB), Y15;           \
block:                                   \
	DOT(hi, QUARTER, ZERO, SOON_BX);     \
	ADD;                                 \
	SUBQ $1024, DI;                      \
	DOT(lo, QUARTER, ZERO, SOON_BX);     \
	ADD;                                 \
	SUBQ $256, SI;                       \
	DOT(second, QUARTER, ZERO, SOON_AX); \
	ADD;                                 \
	ADDQ $128, SI;                       \
	NEXT(blocks+56(FP))

// func linearBF16Y2(out *float32, stride uintptr, x *byte, xStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16Y2(SB), NOSPLIT, $0-48
	ONE_PLANE(PAIRS2, ZERO2, ADD2)

// func linearBF16x2Y2(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2Y2(SB), NOSPLIT, $0-64
	PLANES(PAIRS2, ZERO2, ADD2)

// func linearBF16Y3(out *float32, stride uintptr, x *byte, xStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16Y3(SB), NOSPLIT, $0-48
	ONE_PLANE(PAIRS3, ZERO3, ADD3)

// func linearBF16x2Y3(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2Y3(SB), NOSPLIT, $0-64
	PLANES(PAIRS3, ZERO3, ADD3)
