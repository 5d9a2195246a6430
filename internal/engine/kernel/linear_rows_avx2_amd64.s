//go:build !purego

#include "textflag.h"
#include "linear_avx2.h"

// The linear layer on AVX2 with FMA, for 2 and 3 rows of a whole panel. One plane of
// x comes after the other, so that the chains of 3 rows are in registers and each
// broadcast of x serves 16 outputs. Weights in bf16 are used as they are packed;
// quantised ones have been expanded to float32, [32 k][16 outputs]
// (expand_avx2_amd64.s): once for each 3 rows would cost a quarter of the speed.
//
// Registers of row r (0 to 2), one lane an output:
//	Y(r)    even k, outputs 0 to 7    Y(3+r)  even k, outputs 8 to 15
//	Y(6+r)  odd k, outputs 0 to 7     Y(9+r)  odd k, outputs 8 to 15
//	Y12, Y13 weights of one k; scales
//	Y14     x, broadcast; scratch
//	Y15     mask of the upper half words; scratch
//
//	SI  x, at this plane; rows R8 apart
//	DX  out; rows R11 apart
//	BX  sums, at this block; rows AX apart. Or, with two weight planes, BX and AX
//	    are memory to ask for (SOON)
//	DI  tile, expanded or not
//	R10 scales of the packed tile; blocks R9 apart
//	CX  quarter of the block, counting down

// Weights of one k of the quarter: expanded, or of an even and an odd k of bf16.
#define FLOATS(K) \
	VMOVUPS (64*K)(DI), Y12; \
	VMOVUPS (64*K+32)(DI), Y13

#define EVEN(K) \
	VMOVDQU (32*K)(DI), Y12;    \
	VMOVDQU (32*K+32)(DI), Y13; \
	VPSLLD  $16, Y12, Y12;      \
	VPSLLD  $16, Y13, Y13

#define ODD(K) \
	VPAND (32*K-32)(DI), Y15, Y12; \
	VPAND (32*K)(DI), Y15, Y13

// MULTIPLY adds the products of x at X to a row's chains of one parity.
#define MULTIPLY(X, A, B) \
	VBROADCASTSS X, Y14;      \
	VFMADD231PS  Y14, Y12, A; \
	VFMADD231PS  Y14, Y13, B

// The products of one k with 2 and with 3 rows.
#define EVEN2(WEIGHTS, K) \
	WEIGHTS(K);                  \
	MULTIPLY((4*K)(SI), Y0, Y3); \
	MULTIPLY((4*K)(SI)(R8*1), Y1, Y4)

#define ODD2(WEIGHTS, K) \
	WEIGHTS(K);                  \
	MULTIPLY((4*K)(SI), Y6, Y9); \
	MULTIPLY((4*K)(SI)(R8*1), Y7, Y10)

#define EVEN3(WEIGHTS, K) \
	EVEN2(WEIGHTS, K); \
	MULTIPLY((4*K)(SI)(R8*2), Y2, Y5)

#define ODD3(WEIGHTS, K) \
	ODD2(WEIGHTS, K); \
	MULTIPLY((4*K)(SI)(R8*2), Y8, Y11)

// A quarter of a plane: 8 k.
#define FLOATS2 \
	EVEN2(FLOATS, 0); ODD2(FLOATS, 1); \
	EVEN2(FLOATS, 2); ODD2(FLOATS, 3); \
	EVEN2(FLOATS, 4); ODD2(FLOATS, 5); \
	EVEN2(FLOATS, 6); ODD2(FLOATS, 7); \
	ADDQ $512, DI

#define FLOATS3 \
	EVEN3(FLOATS, 0); ODD3(FLOATS, 1); \
	EVEN3(FLOATS, 2); ODD3(FLOATS, 3); \
	EVEN3(FLOATS, 4); ODD3(FLOATS, 5); \
	EVEN3(FLOATS, 6); ODD3(FLOATS, 7); \
	ADDQ $512, DI

#define PAIRS2 \
	EVEN2(EVEN, 0); ODD2(ODD, 1); \
	EVEN2(EVEN, 2); ODD2(ODD, 3); \
	EVEN2(EVEN, 4); ODD2(ODD, 5); \
	EVEN2(EVEN, 6); ODD2(ODD, 7); \
	ADDQ $256, DI

#define PAIRS3 \
	EVEN3(EVEN, 0); ODD3(ODD, 1); \
	EVEN3(EVEN, 2); ODD3(ODD, 3); \
	EVEN3(EVEN, 4); ODD3(ODD, 5); \
	EVEN3(EVEN, 6); ODD3(ODD, 7); \
	ADDQ $256, DI

#define CLEAR4(A, B, C, D) \
	VXORPS A, A, A; \
	VXORPS B, B, B; \
	VXORPS C, C, C; \
	VXORPS D, D, D

#define ZERO2 \
	CLEAR4(Y0, Y3, Y6, Y9); \
	CLEAR4(Y1, Y4, Y7, Y10)

#define ZERO3 \
	ZERO2; \
	CLEAR4(Y2, Y5, Y8, Y11)

// JOIN adds the chains of odd k to those of even k.
#define JOIN2 \
	VADDPS Y6, Y0, Y0; \
	VADDPS Y9, Y3, Y3; \
	VADDPS Y7, Y1, Y1; \
	VADDPS Y10, Y4, Y4

#define JOIN3 \
	JOIN2;             \
	VADDPS Y8, Y2, Y2; \
	VADDPS Y11, Y5, Y5

// DOT is the dot products of a plane of x with a tile, after which SI is at the next
// plane and DI at the next tile.
#define DOT(LABEL, QUARTER, ZERO, JOIN, MEANWHILE) \
	ZERO;         \
	MOVQ $4, CX;  \
LABEL:            \
	MEANWHILE;    \
	QUARTER;      \
	ADDQ $32, SI; \
	DECQ CX;      \
	JNZ  LABEL;   \
	JOIN

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

// Dot products of the hi plane wait on the stack for those of the lo plane.
#define STORE2 \
	VMOVUPS Y0, 0(SP);  \
	VMOVUPS Y3, 32(SP); \
	VMOVUPS Y1, 64(SP); \
	VMOVUPS Y4, 96(SP)

#define STORE3 \
	STORE2;              \
	VMOVUPS Y2, 128(SP); \
	VMOVUPS Y5, 160(SP)

// SCALE makes (hi + lo)*d + out of a row's sums; d in Y12 and Y13.
#define SCALE(HI, HI8, OUT, OUT8, A, B) \
	VADDPS HI, A, A;  \
	VADDPS HI8, B, B; \
	VMULPS Y12, A, A; \
	VMULPS Y13, B, B; \
	VADDPS OUT, A, A; \
	VADDPS OUT8, B, B

#define SCALE2 \
	VCVTPH2PS (R10), Y12;                       \
	VCVTPH2PS 16(R10), Y13;                     \
	SCALE(0(SP), 32(SP), (DX), 32(DX), Y0, Y3); \
	SCALE(64(SP), 96(SP), (DX)(R11*1), 32(DX)(R11*1), Y1, Y4)

#define SCALE3 \
	SCALE2; \
	SCALE(128(SP), 160(SP), (DX)(R11*2), 32(DX)(R11*2), Y2, Y5)

// MINIMUM adds m*s to a row; m in Y12 and Y13, s at SUM.
#define MINIMUM(SUM, A, B) \
	VBROADCASTSS SUM, Y14; \
	VMULPS Y12, Y14, Y15;  \
	VMULPS Y13, Y14, Y14;  \
	VADDPS Y15, A, A;      \
	VADDPS Y14, B, B

#define MINIMUM2 \
	VCVTPH2PS 32(R10), Y12; \
	VCVTPH2PS 48(R10), Y13; \
	MINIMUM((BX), Y0, Y3);  \
	MINIMUM((BX)(AX*1), Y1, Y4)

#define MINIMUM3 \
	MINIMUM2; \
	MINIMUM((BX)(AX*2), Y2, Y5)

#define OUT2 \
	VMOVUPS Y0, (DX);        \
	VMOVUPS Y3, 32(DX);      \
	VMOVUPS Y1, (DX)(R11*1); \
	VMOVUPS Y4, 32(DX)(R11*1)

#define OUT3 \
	OUT2;                    \
	VMOVUPS Y2, (DX)(R11*2); \
	VMOVUPS Y5, 32(DX)(R11*2)

// ADD is out += the sums, unscaled.
#define ADD2 \
	VADDPS (DX), Y0, Y0;          \
	VADDPS 32(DX), Y3, Y3;        \
	VADDPS (DX)(R11*1), Y1, Y1;   \
	VADDPS 32(DX)(R11*1), Y4, Y4; \
	OUT2

#define ADD3 \
	VADDPS (DX)(R11*2), Y2, Y2;   \
	VADDPS 32(DX)(R11*2), Y5, Y5; \
	VMOVUPS Y2, (DX)(R11*2);      \
	VMOVUPS Y5, 32(DX)(R11*2);    \
	ADD2

#define ARGUMENTS \
	MOVQ out+0(FP), DX;        \
	MOVQ stride+8(FP), R11;    \
	MOVQ x+16(FP), SI;         \
	MOVQ xStride+24(FP), R8;   \
	MOVQ sums+32(FP), BX;      \
	MOVQ sumStride+40(FP), AX; \
	MOVQ tiles+48(FP), DI;     \
	MOVQ scales+64(FP), R10;   \
	MOVQ scaleStride+72(FP), R9

#define PLANES_ARGUMENTS \
	MOVQ out+0(FP), DX;      \
	MOVQ stride+8(FP), R11;  \
	MOVQ x+16(FP), SI;       \
	MOVQ xStride+24(FP), R8; \
	MOVQ soon+32(FP), BX;    \
	MOVQ later+40(FP), AX;   \
	MOVQ tiles+48(FP), DI

#define NEXT \
	DECQ blocks+56(FP); \
	JNZ  block;         \
	VZEROUPPER;         \
	RET

#define SCALED(QUARTER, ZERO, JOIN, STORE, SCALES, MINIMA, OUT) \
	ARGUMENTS;                             \
block:                                     \
	DOT(hi, QUARTER, ZERO, JOIN, NOTHING); \
	STORE;                                 \
	SUBQ $2048, DI;                        \
	DOT(lo, QUARTER, ZERO, JOIN, NOTHING); \
	SCALES;                                \
	MINIMA;                                \
	OUT;                                   \
	ADDQ R9, R10;                          \
	ADDQ $4, BX;                           \
	NEXT

#define UNSCALED(QUARTER, ZERO, JOIN, ADD) \
	ARGUMENTS;                             \
	VMOVDQU uppers<>(SB), Y15;             \
block:                                     \
	DOT(hi, QUARTER, ZERO, JOIN, NOTHING); \
	ADD;                                   \
	SUBQ $1024, DI;                        \
	DOT(lo, QUARTER, ZERO, JOIN, NOTHING); \
	ADD;                                   \
	NEXT

// Two weight planes: hi and lo of x on the first, hi of x on the second. Meanwhile
// each block asks for as many bytes as its tile has, at BX and at AX.
#define PLANES(QUARTER, ZERO, JOIN, ADD) \
	PLANES_ARGUMENTS;                          \
	VMOVDQU uppers<>(SB), Y15;                 \
block:                                         \
	DOT(hi, QUARTER, ZERO, JOIN, SOON_BX);     \
	ADD;                                       \
	SUBQ $1024, DI;                            \
	DOT(lo, QUARTER, ZERO, JOIN, SOON_BX);     \
	ADD;                                       \
	SUBQ $256, SI;                             \
	DOT(second, QUARTER, ZERO, JOIN, SOON_AX); \
	ADD;                                       \
	ADDQ $128, SI;                             \
	NEXT

// func linearMinY2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)
TEXT ·linearMinY2(SB), NOSPLIT, $128-80
	SCALED(FLOATS2, ZERO2, JOIN2, STORE2, SCALE2, MINIMUM2, OUT2)

// func linearScaleY2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)
TEXT ·linearScaleY2(SB), NOSPLIT, $128-80
	SCALED(FLOATS2, ZERO2, JOIN2, STORE2, SCALE2, NOTHING, OUT2)

// func linearBF16Y2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)
TEXT ·linearBF16Y2(SB), NOSPLIT, $0-80
	UNSCALED(PAIRS2, ZERO2, JOIN2, ADD2)

// func linearBF16x2Y2(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2Y2(SB), NOSPLIT, $0-64
	PLANES(PAIRS2, ZERO2, JOIN2, ADD2)

// func linearMinY3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)
TEXT ·linearMinY3(SB), NOSPLIT, $192-80
	SCALED(FLOATS3, ZERO3, JOIN3, STORE3, SCALE3, MINIMUM3, OUT3)

// func linearScaleY3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)
TEXT ·linearScaleY3(SB), NOSPLIT, $192-80
	SCALED(FLOATS3, ZERO3, JOIN3, STORE3, SCALE3, NOTHING, OUT3)

// func linearBF16Y3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr, scales *byte, scaleStride uintptr)
TEXT ·linearBF16Y3(SB), NOSPLIT, $0-80
	UNSCALED(PAIRS3, ZERO3, JOIN3, ADD3)

// func linearBF16x2Y3(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2Y3(SB), NOSPLIT, $0-64
	PLANES(PAIRS3, ZERO3, JOIN3, ADD3)
