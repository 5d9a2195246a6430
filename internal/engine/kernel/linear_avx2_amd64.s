//go:build !purego

#include "textflag.h"
#include "linear_avx2.h"

// Eight dwords each: the masks of the nibbles at bits 0, 4, ... 24.
DATA nibbles<>+0(SB)/8, $0x0000000f0000000f
DATA nibbles<>+8(SB)/8, $0x0000000f0000000f
DATA nibbles<>+16(SB)/8, $0x0000000f0000000f
DATA nibbles<>+24(SB)/8, $0x0000000f0000000f
DATA nibbles<>+32(SB)/8, $0x000000f0000000f0
DATA nibbles<>+40(SB)/8, $0x000000f0000000f0
DATA nibbles<>+48(SB)/8, $0x000000f0000000f0
DATA nibbles<>+56(SB)/8, $0x000000f0000000f0
DATA nibbles<>+64(SB)/8, $0x00000f0000000f00
DATA nibbles<>+72(SB)/8, $0x00000f0000000f00
DATA nibbles<>+80(SB)/8, $0x00000f0000000f00
DATA nibbles<>+88(SB)/8, $0x00000f0000000f00
DATA nibbles<>+96(SB)/8, $0x0000f0000000f000
DATA nibbles<>+104(SB)/8, $0x0000f0000000f000
DATA nibbles<>+112(SB)/8, $0x0000f0000000f000
DATA nibbles<>+120(SB)/8, $0x0000f0000000f000
DATA nibbles<>+128(SB)/8, $0x000f0000000f0000
DATA nibbles<>+136(SB)/8, $0x000f0000000f0000
DATA nibbles<>+144(SB)/8, $0x000f0000000f0000
DATA nibbles<>+152(SB)/8, $0x000f0000000f0000
DATA nibbles<>+160(SB)/8, $0x00f0000000f00000
DATA nibbles<>+168(SB)/8, $0x00f0000000f00000
DATA nibbles<>+176(SB)/8, $0x00f0000000f00000
DATA nibbles<>+184(SB)/8, $0x00f0000000f00000
DATA nibbles<>+192(SB)/8, $0x0f0000000f000000
DATA nibbles<>+200(SB)/8, $0x0f0000000f000000
DATA nibbles<>+208(SB)/8, $0x0f0000000f000000
DATA nibbles<>+216(SB)/8, $0x0f0000000f000000
GLOBL nibbles<>(SB), RODATA|NOPTR, $224

// Eight dwords each: what Q4_0 takes off, at the same bits.
DATA eights<>+0(SB)/8, $0x0000000800000008
DATA eights<>+8(SB)/8, $0x0000000800000008
DATA eights<>+16(SB)/8, $0x0000000800000008
DATA eights<>+24(SB)/8, $0x0000000800000008
DATA eights<>+32(SB)/8, $0x0000008000000080
DATA eights<>+40(SB)/8, $0x0000008000000080
DATA eights<>+48(SB)/8, $0x0000008000000080
DATA eights<>+56(SB)/8, $0x0000008000000080
DATA eights<>+64(SB)/8, $0x0000080000000800
DATA eights<>+72(SB)/8, $0x0000080000000800
DATA eights<>+80(SB)/8, $0x0000080000000800
DATA eights<>+88(SB)/8, $0x0000080000000800
DATA eights<>+96(SB)/8, $0x0000800000008000
DATA eights<>+104(SB)/8, $0x0000800000008000
DATA eights<>+112(SB)/8, $0x0000800000008000
DATA eights<>+120(SB)/8, $0x0000800000008000
DATA eights<>+128(SB)/8, $0x0008000000080000
DATA eights<>+136(SB)/8, $0x0008000000080000
DATA eights<>+144(SB)/8, $0x0008000000080000
DATA eights<>+152(SB)/8, $0x0008000000080000
DATA eights<>+160(SB)/8, $0x0080000000800000
DATA eights<>+168(SB)/8, $0x0080000000800000
DATA eights<>+176(SB)/8, $0x0080000000800000
DATA eights<>+184(SB)/8, $0x0080000000800000
DATA eights<>+192(SB)/8, $0x0800000008000000
DATA eights<>+200(SB)/8, $0x0800000008000000
DATA eights<>+208(SB)/8, $0x0800000008000000
DATA eights<>+216(SB)/8, $0x0800000008000000
GLOBL eights<>(SB), RODATA|NOPTR, $224

// One over the value of the bit that the nibble of each of 8 k begins at; the last is
// shifted.
DATA quotients<>+0(SB)/8, $0x378000003f800000
DATA quotients<>+8(SB)/8, $0x358000003d800000
DATA quotients<>+16(SB)/8, $0x338000003b800000
DATA quotients<>+24(SB)/8, $0x3f80000039800000
GLOBL quotients<>(SB), RODATA|NOPTR, $32

// The linear layer on AVX2 with FMA, as in linear_avx512_amd64.s, for one row of a
// panel. Both halves of its outputs are computed together: four chains alone would
// wait for each other.
//
// Registers, one lane an output, 0 to 7 in the first of a pair and 8 to 15 in the
// second:
//	Y0, Y1   even k, hi plane      Y2, Y3   odd k, hi plane
//	Y4, Y5   even k, lo plane      Y6, Y7   odd k, lo plane
//	Y8, Y9   weights of an even k  Y10, Y11 of an odd k
//	Y14      x, broadcast
//	Y15      mask of the upper half words
// and of nibbles
//	Y8, Y9   weights of one k      Y10, Y11 x of both planes, broadcast
//	Y12, Y13 packed weights        Y14, Y15 masks
// At the end of a block Y8 to Y11 have scales and minima, Y13 the sum.
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

// What ends a block. Each store follows right behind the sum that it stores: elsewhere
// it keeps a multiplication waiting.

// JOINHI is he + ho, in Y0 and Y1; JOIN also le + lo, in Y4 and Y5.
#define JOINHI \
	VADDPS Y2, Y0, Y0; \
	VADDPS Y3, Y1, Y1

#define JOIN \
	JOINHI;            \
	VADDPS Y6, Y4, Y4; \
	VADDPS Y7, Y5, Y5

#define OUT \
	VADDPS  (DX), Y0, Y0;   \
	VMOVUPS Y0, (DX);       \
	VADDPS  32(DX), Y1, Y1; \
	VMOVUPS Y1, 32(DX)

// TIMES is ((he + ho) + (le + lo))*d, in Y0 and Y1; d is behind the tile's last
// quarter.
#define TIMES \
	VCVTPH2PS (DI), Y8;   \
	VCVTPH2PS 16(DI), Y9; \
	JOIN;                 \
	VADDPS Y4, Y0, Y0;    \
	VADDPS Y5, Y1, Y1;    \
	VMULPS Y8, Y0, Y0;    \
	VMULPS Y9, Y1, Y1

// SCALE is out += ((he + ho) + (le + lo))*d.
#define SCALE \
	TIMES; \
	OUT

// SCALE_MINIMUM is that, and then out += m*s.
#define SCALE_MINIMUM \
	VCVTPH2PS    32(DI), Y10;   \
	VCVTPH2PS    48(DI), Y11;   \
	VBROADCASTSS (BX), Y13;     \
	VMULPS       Y10, Y13, Y10; \
	VMULPS       Y11, Y13, Y11; \
	TIMES;                      \
	VADDPS       (DX), Y0, Y0;  \
	VADDPS       Y10, Y0, Y0;   \
	VMOVUPS      Y0, (DX);      \
	VADDPS       32(DX), Y1, Y1;\
	VADDPS       Y11, Y1, Y1;   \
	VMOVUPS      Y1, 32(DX)

// ADDHI is out += he + ho, ADD then += le + lo.
#define ADDHI \
	JOINHI; \
	OUT

#define ADD \
	JOIN;                   \
	VADDPS  (DX), Y0, Y0;   \
	VADDPS  Y4, Y0, Y0;     \
	VMOVUPS Y0, (DX);       \
	VADDPS  32(DX), Y1, Y1; \
	VADDPS  Y5, Y1, Y1;     \
	VMOVUPS Y1, 32(DX)

// Pairs of weights, as floats.
#define FLOATS \
	VCVTDQ2PS Y8, Y8;   \
	VCVTDQ2PS Y9, Y9;   \
	VCVTDQ2PS Y10, Y10; \
	VCVTDQ2PS Y11, Y11

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

// Nibbles stay where they are in their dwords, and x has been divided by as much as
// that makes them too large (scaleForNibbles): so they need no shifts. NIBBLE adds the
// products of those at the bits of MASK, k K of the quarter, to the chains of its
// parity. OFFSET takes from the nibbles in Y8 and Y9 what is taken from them, at their
// place.
#define PRODUCTS(K, HI, HI8, LO, LO8) \
	VCVTDQ2PS    Y8, Y8;             \
	VCVTDQ2PS    Y9, Y9;             \
	VBROADCASTSS (4*K)(SI), Y10;     \
	VBROADCASTSS (4*K+128)(SI), Y11; \
	VFMADD231PS  Y10, Y8, HI;        \
	VFMADD231PS  Y10, Y9, HI8;       \
	VFMADD231PS  Y11, Y8, LO;        \
	VFMADD231PS  Y11, Y9, LO8

#define NIBBLE(MASK, OFFSET, K, HI, HI8, LO, LO8) \
	VPAND MASK, Y12, Y8; \
	VPAND MASK, Y13, Y9; \
	OFFSET;              \
	PRODUCTS(K, HI, HI8, LO, LO8)

// The highest have been shifted: they would be a sign.
#define HIGHEST(OFFSET) \
	VPSRLD $28, Y12, Y8; \
	VPSRLD $28, Y13, Y9; \
	OFFSET;              \
	PRODUCTS(7, Y2, Y3, Y6, Y7)

#define AS_THEY_ARE(AT)

#define LESS8(AT) \
	VPSUBD eights<>+AT(SB), Y8, Y8; \
	VPSUBD eights<>+AT(SB), Y9, Y9

// A tile of nibbles: 4 vectors of 64 bytes, then the scales.
#define Q4(OFFSET) \
	CLEAR;                                                           \
	MOVQ $4, CX;                                                     \
quarter:                                                             \
	PREFETCHT0 AHEAD(DI);                                            \
	VMOVDQU (DI), Y12;                                               \
	VMOVDQU 32(DI), Y13;                                             \
	NIBBLE(Y14, OFFSET(0), 0, Y0, Y1, Y4, Y5);                       \
	NIBBLE(Y15, OFFSET(128), 1, Y2, Y3, Y6, Y7);                     \
	NIBBLE(nibbles<>+32(SB), OFFSET(32), 2, Y0, Y1, Y4, Y5);         \
	NIBBLE(nibbles<>+160(SB), OFFSET(160), 3, Y2, Y3, Y6, Y7);       \
	NIBBLE(nibbles<>+64(SB), OFFSET(64), 4, Y0, Y1, Y4, Y5);         \
	NIBBLE(nibbles<>+192(SB), OFFSET(192), 5, Y2, Y3, Y6, Y7);       \
	NIBBLE(nibbles<>+96(SB), OFFSET(96), 6, Y0, Y1, Y4, Y5);         \
	HIGHEST(OFFSET(0));                                              \
	ADDQ $64, DI;                                                    \
	ADDQ $32, SI;                                                    \
	DECQ CX;                                                         \
	JNZ  quarter;                                                    \
	PREFETCHT0 AHEAD(DI)

#define Q4_ARGUMENTS \
	ARGUMENTS;                      \
	VMOVDQU nibbles<>(SB), Y14;     \
	VMOVDQU nibbles<>+128(SB), Y15

// func linearQ41Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)
TEXT ·linearQ41Y1(SB), NOSPLIT, $0-40
	Q4_ARGUMENTS

block:
	Q4(AS_THEY_ARE)
	SCALE_MINIMUM
	NEXT(64)

// func linearQ40Y1(out *float32, x *byte, sums *float32, tiles *byte, blocks uintptr)
TEXT ·linearQ40Y1(SB), NOSPLIT, $0-40
	Q4_ARGUMENTS

block:
	Q4(LESS8)
	SCALE
	NEXT(32)

// func scaleForNibbles(dst, x *byte, blocks uintptr)
// A block's 64 values, each divided by the value of the bit that its nibble begins at.
TEXT ·scaleForNibbles(SB), NOSPLIT, $0-24
	MOVQ    dst+0(FP), DI
	MOVQ    x+8(FP), SI
	MOVQ    blocks+16(FP), CX
	VMOVUPS quotients<>(SB), Y0

scale:
	VMULPS  (SI), Y0, Y1
	VMOVUPS Y1, (DI)
	VMULPS  32(SI), Y0, Y2
	VMOVUPS Y2, 32(DI)
	VMULPS  64(SI), Y0, Y3
	VMOVUPS Y3, 64(DI)
	VMULPS  96(SI), Y0, Y4
	VMOVUPS Y4, 96(DI)
	VMULPS  128(SI), Y0, Y5
	VMOVUPS Y5, 128(DI)
	VMULPS  160(SI), Y0, Y6
	VMOVUPS Y6, 160(DI)
	VMULPS  192(SI), Y0, Y7
	VMOVUPS Y7, 192(DI)
	VMULPS  224(SI), Y0, Y8
	VMOVUPS Y8, 224(DI)
	ADDQ    $256, SI
	ADDQ    $256, DI
	DECQ    CX
	JNZ     scale
	VZEROUPPER
	RET

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
	SCALE
	NEXT(32)

#define BF16(MULTIPLYING, MEANWHILE) \
	MEANWHILE;               \
	PAIR(0);   MULTIPLYING(0);  \
	PAIR(64);  MULTIPLYING(8);  \
	PAIR(128); MULTIPLYING(16); \
	PAIR(192); MULTIPLYING(24); \
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
