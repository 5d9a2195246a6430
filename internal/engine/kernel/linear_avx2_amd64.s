//go:build !purego

#include "textflag.h"
#include "linear_avx2.h"

// The linear layer on AVX2 with FMA, as in linear_avx512_amd64.s, for one row of a
// panel. Both halves of its outputs are computed together: four chains alone would
// wait for each other.
//
// Registers, one lane an output, 0 to 7 in the first of a pair and 8 to 15 in the
// second:
//	Y0, Y1   even k, hi plane      Y2, Y3   odd k, hi plane
//	Y4, Y5   even k, lo plane      Y6, Y7   odd k, lo plane
//	Y8, Y9   weights of an even k  Y10, Y11 of an odd k
//	Y12, Y13 packed weights
//	Y14      x or a sum, broadcast
//	Y15      nibble mask, or the mask of the upper half words
//
//	SI  x, at this block's hi plane
//	DX  out
//	BX  sums, at this block; or, with two weight planes, memory to ask for (SOON), as
//	    AX is
//	DI  tile
//	CX  quarter of the block, counting down

// MULTIPLYHI adds the products of one pair of k, x at byte OFF of the block, to the
// chains of the hi plane.
#define MULTIPLYHI(OFF) \
	VBROADCASTSS (OFF)(SI), Y14;   \
	VFMADD231PS  Y14, Y8, Y0;      \
	VFMADD231PS  Y14, Y9, Y1;      \
	VBROADCASTSS (OFF+4)(SI), Y14; \
	VFMADD231PS  Y14, Y10, Y2;     \
	VFMADD231PS  Y14, Y11, Y3

#define MULTIPLY(OFF) \
	MULTIPLYHI(OFF);                 \
	VBROADCASTSS (OFF+128)(SI), Y14; \
	VFMADD231PS  Y14, Y8, Y4;        \
	VFMADD231PS  Y14, Y9, Y5;        \
	VBROADCASTSS (OFF+132)(SI), Y14; \
	VFMADD231PS  Y14, Y10, Y6;       \
	VFMADD231PS  Y14, Y11, Y7

#define CLEARHI \
	VXORPS Y0, Y0, Y0; \
	VXORPS Y1, Y1, Y1; \
	VXORPS Y2, Y2, Y2; \
	VXORPS Y3, Y3, Y3

#define CLEAR \
	CLEARHI;           \
	VXORPS Y4, Y4, Y4; \
	VXORPS Y5, Y5, Y5; \
	VXORPS Y6, Y6, Y6; \
	VXORPS Y7, Y7, Y7

// JOINHI is he + ho, in Y0 and Y1; JOIN also le + lo, in Y4 and Y5.
#define JOINHI \
	VADDPS Y2, Y0, Y0; \
	VADDPS Y3, Y1, Y1

#define JOIN \
	JOINHI;            \
	VADDPS Y6, Y4, Y4; \
	VADDPS Y7, Y5, Y5

// SCALE is out + ((he + ho) + (le + lo))*d, in Y0 and Y1; d is AT of the tile's
// last quarter's end.
#define SCALE(AT) \
	JOIN;                      \
	VCVTPH2PS (AT)(DI), Y8;    \
	VCVTPH2PS (AT+16)(DI), Y9; \
	VADDPS    Y4, Y0, Y0;      \
	VADDPS    Y5, Y1, Y1;      \
	VMULPS    Y8, Y0, Y0;      \
	VMULPS    Y9, Y1, Y1;      \
	VADDPS    (DX), Y0, Y0;    \
	VADDPS    32(DX), Y1, Y1

// MINIMUM adds m*s.
#define MINIMUM(AT) \
	VCVTPH2PS    (AT)(DI), Y8;    \
	VCVTPH2PS    (AT+16)(DI), Y9; \
	VBROADCASTSS (BX), Y14;       \
	VMULPS       Y8, Y14, Y8;     \
	VMULPS       Y9, Y14, Y9;     \
	VADDPS       Y8, Y0, Y0;      \
	VADDPS       Y9, Y1, Y1

#define OUT \
	VMOVUPS Y0, (DX); \
	VMOVUPS Y1, 32(DX)

// ADDHI is out += he + ho, ADD then += le + lo.
#define ADDHI \
	JOINHI;                \
	VADDPS (DX), Y0, Y0;   \
	VADDPS 32(DX), Y1, Y1; \
	OUT

#define ADD \
	JOIN;                  \
	VADDPS (DX), Y0, Y0;   \
	VADDPS 32(DX), Y1, Y1; \
	VADDPS Y4, Y0, Y0;     \
	VADDPS Y5, Y1, Y1;     \
	OUT

// Pairs of weights. NIBBLES are those at bits EVEN and ODD of each dword; OFFSET is
// what is done to the integers before they become floats.
#define FLOATS \
	VCVTDQ2PS Y8, Y8;   \
	VCVTDQ2PS Y9, Y9;   \
	VCVTDQ2PS Y10, Y10; \
	VCVTDQ2PS Y11, Y11

#define NIBBLES(EVEN, ODD, OFFSET) \
	VPSRLD $EVEN, Y12, Y8; \
	VPSRLD $EVEN, Y13, Y9; \
	VPSRLD $ODD, Y12, Y10; \
	VPSRLD $ODD, Y13, Y11; \
	VPAND  Y15, Y8, Y8;    \
	VPAND  Y15, Y9, Y9;    \
	VPAND  Y15, Y10, Y10;  \
	VPAND  Y15, Y11, Y11;  \
	OFFSET;                \
	FLOATS

// FIRST and LAST are the nibbles at bits 0 and 16, and at bits 12 and 28: the lowest
// need no shift, the highest no mask.
#define FIRST(OFFSET) \
	VPAND  Y15, Y12, Y8;  \
	VPAND  Y15, Y13, Y9;  \
	VPSRLD $16, Y12, Y10; \
	VPSRLD $16, Y13, Y11; \
	VPAND  Y15, Y10, Y10; \
	VPAND  Y15, Y11, Y11; \
	OFFSET;               \
	FLOATS

#define LAST(OFFSET) \
	VPSRLD $12, Y12, Y8;  \
	VPSRLD $12, Y13, Y9;  \
	VPSRLD $28, Y12, Y10; \
	VPSRLD $28, Y13, Y11; \
	VPAND  Y15, Y8, Y8;   \
	VPAND  Y15, Y9, Y9;   \
	OFFSET;               \
	FLOATS

#define UNSIGNED

#define LESS8 \
	VPSUBD eights<>(SB), Y8, Y8;   \
	VPSUBD eights<>(SB), Y9, Y9;   \
	VPSUBD eights<>(SB), Y10, Y10; \
	VPSUBD eights<>(SB), Y11, Y11

// BYTES are two rows of 16 signed bytes at AT of the tile, PAIR one of 16 pairs of
// bf16.
#define BYTES(AT) \
	VPMOVSXBD (AT)(DI), Y8;     \
	VPMOVSXBD (AT+8)(DI), Y9;   \
	VPMOVSXBD (AT+16)(DI), Y10; \
	VPMOVSXBD (AT+24)(DI), Y11; \
	FLOATS

#define PAIR(AT) \
	VMOVDQU (AT)(DI), Y10;    \
	VMOVDQU (AT+32)(DI), Y11; \
	VPSLLD  $16, Y10, Y8;     \
	VPSLLD  $16, Y11, Y9;     \
	VPAND   Y15, Y10, Y10;    \
	VPAND   Y15, Y11, Y11

// A row reads weights as fast as memory gives them, and asks for those that come
// AHEAD bytes later.
#define AHEAD 4096

#define ARGUMENTS \
	MOVQ out+0(FP), DX;   \
	MOVQ x+8(FP), SI;     \
	MOVQ sums+16(FP), BX; \
	MOVQ tiles+24(FP), DI

#define NEXT(REST) \
	ADDQ $REST, DI;     \
	ADDQ $128, SI;      \
	ADDQ $4, BX;        \
	DECQ blocks+32(FP); \
	JNZ  block;         \
	VZEROUPPER;         \
	RET

// A tile of nibbles: 4 vectors of 64 bytes, then the scales.
#define Q4(OFFSET) \
	CLEAR;                                \
	MOVQ $4, CX;                          \
quarter:                                  \
	PREFETCHT0 AHEAD(DI);                 \
	VMOVDQU (DI), Y12;                    \
	VMOVDQU 32(DI), Y13;                  \
	FIRST(OFFSET);          MULTIPLY(0);  \
	NIBBLES(4, 20, OFFSET); MULTIPLY(8);  \
	NIBBLES(8, 24, OFFSET); MULTIPLY(16); \
	LAST(OFFSET);           MULTIPLY(24); \
	ADDQ $64, DI;                         \
	ADDQ $32, SI;                         \
	DECQ CX;                              \
	JNZ  quarter;                         \
	PREFETCHT0 AHEAD(DI)

// func linearQ41Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)
TEXT ·linearQ41Y1(SB), NOSPLIT, $0-40
	ARGUMENTS
	VMOVDQU fifteens<>(SB), Y15

block:
	Q4(UNSIGNED)
	SCALE(0)
	MINIMUM(32)
	OUT
	NEXT(64)

// func linearQ40Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)
TEXT ·linearQ40Y1(SB), NOSPLIT, $0-40
	ARGUMENTS
	VMOVDQU fifteens<>(SB), Y15

block:
	Q4(LESS8)
	SCALE(0)
	OUT
	NEXT(32)

// func linearQ8Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)
TEXT ·linearQ8Y1(SB), NOSPLIT, $0-40
	ARGUMENTS

block:
	CLEAR
	MOVQ $4, CX

quarter:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 (AHEAD+64)(DI)
	BYTES(0)
	MULTIPLY(0)
	BYTES(32)
	MULTIPLY(8)
	BYTES(64)
	MULTIPLY(16)
	BYTES(96)
	MULTIPLY(24)
	ADDQ $128, DI
	ADDQ $32, SI
	DECQ CX
	JNZ  quarter
	PREFETCHT0 AHEAD(DI)
	SCALE(0)
	OUT
	NEXT(32)

#define BF16(PRODUCTS, MEANWHILE) \
	MEANWHILE;               \
	PAIR(0);   PRODUCTS(0);  \
	PAIR(64);  PRODUCTS(8);  \
	PAIR(128); PRODUCTS(16); \
	PAIR(192); PRODUCTS(24); \
	ADDQ $256, DI;           \
	ADDQ $32, SI;            \
	DECQ CX

#define ASK_AHEAD \
	PREFETCHT0 AHEAD(DI);       \
	PREFETCHT0 (AHEAD+64)(DI);  \
	PREFETCHT0 (AHEAD+128)(DI); \
	PREFETCHT0 (AHEAD+192)(DI)

// func linearBF16Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)
TEXT ·linearBF16Y1(SB), NOSPLIT, $0-40
	ARGUMENTS
	VMOVDQU uppers<>(SB), Y15

block:
	CLEAR
	MOVQ $4, CX

quarter:
	BF16(MULTIPLY, ASK_AHEAD)
	JNZ quarter
	ADD
	NEXT(0)

// SOON asks for four lines of memory at each of BX and AX, for the second level of
// the cache, as in linear_avx512.h: a tile for as many as it has itself.
#define SOON \
	PREFETCHT1 (BX);    \
	PREFETCHT1 64(BX);  \
	PREFETCHT1 128(BX); \
	PREFETCHT1 192(BX); \
	ADDQ $256, BX;      \
	PREFETCHT1 (AX);    \
	PREFETCHT1 64(AX);  \
	PREFETCHT1 128(AX); \
	PREFETCHT1 192(AX); \
	ADDQ $256, AX

// Two weight planes: hi and lo of x on the first, hi of x on the second.

// func linearBF16x2Y1(out *float32, x *byte, soon, later, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2Y1(SB), NOSPLIT, $0-48
	MOVQ    out+0(FP), DX
	MOVQ    x+8(FP), SI
	MOVQ    soon+16(FP), BX
	MOVQ    later+24(FP), AX
	MOVQ    tiles+32(FP), DI
	VMOVDQU uppers<>(SB), Y15

block:
	CLEAR
	MOVQ $4, CX

quarter:
	BF16(MULTIPLY, SOON)
	JNZ  quarter
	ADD
	SUBQ $128, SI
	CLEARHI
	MOVQ $4, CX

second:
	BF16(MULTIPLYHI, SOON)
	JNZ  second
	ADDHI
	ADDQ $128, SI
	DECQ blocks+40(FP)
	JNZ  block
	VZEROUPPER
	RET
