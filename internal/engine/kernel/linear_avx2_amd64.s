//go:build !purego

#include "textflag.h"

// The linear layer on AVX2 with FMA, as in linear_avx512_amd64.s. A vector is
// half a panel, and a call does the outputs of one half, 0 or 1. Sixteen
// registers hold the chains of 3 rows of 8 outputs.
//
// Registers of row r (0 to 2), one lane an output:
//	Y(r)    even k, hi plane      Y(3+r)  odd k, hi plane
//	Y(6+r)  even k, lo plane      Y(9+r)  odd k, lo plane
//	Y12, Y13 weights of an even and an odd k
//	Y14     x, broadcast; scratch
//	Y15     nibble mask, or the mask of the upper half words
//
//	SI  x, at this block's hi plane; rows R8 apart
//	DX  out; rows R11 apart
//	BX  sums, at this block; rows AX apart; or, with two weight planes, memory to
//	    ask for (SOON)
//	DI  tile, at this half        R10 its scales, at this half
//	CX  quarter of the block, counting down

#define ROW0(OFF, B, S) (OFF)(B)
#define ROW1(OFF, B, S) (OFF)(B)(S*1)
#define ROW2(OFF, B, S) (OFF)(B)(S*2)

// FMA4 adds the products of one pair of k (weights Y12, Y13; x at byte OFF of
// the block) to a row's four chains.
#define FMA4(ROW, OFF, HE, HO, LE, LO) \
	VBROADCASTSS ROW((OFF), SI, R8), Y14;     \
	VFMADD231PS  Y14, Y12, HE;                \
	VBROADCASTSS ROW((OFF+4), SI, R8), Y14;   \
	VFMADD231PS  Y14, Y13, HO;                \
	VBROADCASTSS ROW((OFF+128), SI, R8), Y14; \
	VFMADD231PS  Y14, Y12, LE;                \
	VBROADCASTSS ROW((OFF+132), SI, R8), Y14; \
	VFMADD231PS  Y14, Y13, LO

// FMA2 is the hi plane alone.
#define FMA2(ROW, OFF, HE, HO) \
	VBROADCASTSS ROW((OFF), SI, R8), Y14;   \
	VFMADD231PS  Y14, Y12, HE;              \
	VBROADCASTSS ROW((OFF+4), SI, R8), Y14; \
	VFMADD231PS  Y14, Y13, HO

#define CLEAR4(A, B, C, D) \
	VXORPS A, A, A; \
	VXORPS B, B, B; \
	VXORPS C, C, C; \
	VXORPS D, D, D

// A row's end of block: t = (he + ho) + (le + lo); out += t*d, d in Y12.
#define SCALE(ROW, HE, HO, LE, LO) \
	VADDPS  HO, HE, HE;               \
	VADDPS  LO, LE, LE;               \
	VADDPS  LE, HE, HE;               \
	VMULPS  Y12, HE, HE;              \
	VADDPS  ROW(0, DX, R11), HE, HE;  \
	VMOVUPS HE, ROW(0, DX, R11)

// The same, then out += m*s, m in Y13.
#define SCALEMIN(ROW, HE, HO, LE, LO) \
	VADDPS       HO, HE, HE;              \
	VADDPS       LO, LE, LE;              \
	VADDPS       LE, HE, HE;              \
	VMULPS       Y12, HE, HE;             \
	VADDPS       ROW(0, DX, R11), HE, HE; \
	VBROADCASTSS ROW(0, BX, AX), Y14;     \
	VMULPS       Y13, Y14, Y14;           \
	VADDPS       Y14, HE, HE;             \
	VMOVUPS      HE, ROW(0, DX, R11)

// Unscaled: out += he + ho; out += le + lo.
#define ADD(ROW, HE, HO, LE, LO) \
	VADDPS  HO, HE, HE;              \
	VADDPS  LO, LE, LE;              \
	VADDPS  ROW(0, DX, R11), HE, HE; \
	VADDPS  LE, HE, HE;              \
	VMOVUPS HE, ROW(0, DX, R11)

// The hi plane alone: out += he + ho.
#define ADDHI(ROW, HE, HO) \
	VADDPS  HO, HE, HE;              \
	VADDPS  ROW(0, DX, R11), HE, HE; \
	VMOVUPS HE, ROW(0, DX, R11)

// Pairs of weights. Two nibbles of each lane's dword; OFFSET is what is done to
// the integers before they become floats.
#define NIBBLES(EVEN, ODD, OFFSET) \
	VMOVDQU   (DI), Y13;     \
	VPSRLD    $EVEN, Y13, Y12; \
	VPSRLD    $ODD, Y13, Y13;  \
	VPAND     Y15, Y12, Y12; \
	VPAND     Y15, Y13, Y13; \
	OFFSET;                  \
	VCVTDQ2PS Y12, Y12;      \
	VCVTDQ2PS Y13, Y13

#define UNSIGNED

#define LESS8 \
	VPSUBD eights<>(SB), Y12, Y12; \
	VPSUBD eights<>(SB), Y13, Y13

// Two rows of 8 signed bytes at AT of the tile:
#define BYTES(AT) \
	VPMOVSXBD (AT)(DI), Y12;    \
	VPMOVSXBD (AT+16)(DI), Y13; \
	VCVTDQ2PS Y12, Y12;         \
	VCVTDQ2PS Y13, Y13

// One row of 8 pairs of bf16 at AT of the tile:
#define PAIR(AT) \
	VMOVDQU (AT)(DI), Y13; \
	VPSLLD  $16, Y13, Y12; \
	VPAND   Y15, Y13, Y13

#define ARGUMENTS \
	MOVQ out+0(FP), DX;        \
	MOVQ stride+8(FP), R11;    \
	MOVQ x+16(FP), SI;         \
	MOVQ xStride+24(FP), R8;   \
	MOVQ sums+32(FP), BX;      \
	MOVQ sumStride+40(FP), AX; \
	MOVQ tiles+48(FP), DI

// A tile of nibbles: 4 vectors of 64 bytes, of which this half is 32; then the
// scales, 16 bytes a half.
#define Q4_BLOCK(MAC, ZERO, OFFSET) \
	ZERO;                             \
	MOVQ $4, CX;                      \
quarter:                              \
	NIBBLES(0, 16, OFFSET);  MAC(0);  \
	NIBBLES(4, 20, OFFSET);  MAC(8);  \
	NIBBLES(8, 24, OFFSET);  MAC(16); \
	NIBBLES(12, 28, OFFSET); MAC(24); \
	ADDQ $64, DI;                     \
	ADDQ $32, SI;                     \
	DECQ CX;                          \
	JNZ  quarter

#define NEXT_BLOCK(BYTES) \
	ADDQ $BYTES, DI;      \
	ADDQ $128, SI;        \
	ADDQ $4, BX;          \
	DECQ blocks+56(FP);   \
	JNZ  block;           \
	VZEROUPPER;           \
	RET

// HALF points tile, scales (R10) and out at this half.
#define HALF(TILE_STEP, SCALES) \
	MOVQ  half+64(FP), R9;          \
	LEAQ  (SCALES)(DI), R10;        \
	MOVQ  R9, CX;                   \
	SHLQ  $4, CX;                   \
	ADDQ  CX, R10;                  \
	MOVQ  R9, CX;                   \
	IMULQ $TILE_STEP, CX;           \
	ADDQ  CX, DI;                   \
	SHLQ  $5, R9;                   \
	ADDQ  R9, DX

#define Q41(MAC, ZERO, END) \
	ARGUMENTS;                  \
	HALF(32, 256);              \
	VMOVDQU fifteens<>(SB), Y15; \
block:                          \
	Q4_BLOCK(MAC, ZERO, UNSIGNED); \
	VCVTPH2PS (R10), Y12;       \
	VCVTPH2PS 32(R10), Y13;     \
	END;                        \
	ADDQ $320, R10;             \
	NEXT_BLOCK(64)

#define Q40(MAC, ZERO, END) \
	ARGUMENTS;                  \
	HALF(32, 256);              \
	VMOVDQU fifteens<>(SB), Y15; \
block:                          \
	Q4_BLOCK(MAC, ZERO, LESS8); \
	VCVTPH2PS (R10), Y12;       \
	END;                        \
	ADDQ $288, R10;             \
	NEXT_BLOCK(32)

#define Q8(MAC, ZERO, END) \
	ARGUMENTS;            \
	HALF(8, 512);         \
block:                    \
	ZERO;                 \
	MOVQ $4, CX;          \
quarter:                  \
	BYTES(0);  MAC(0);    \
	BYTES(32); MAC(8);    \
	BYTES(64); MAC(16);   \
	BYTES(96); MAC(24);   \
	ADDQ $128, DI;        \
	ADDQ $32, SI;         \
	DECQ CX;              \
	JNZ  quarter;         \
	VCVTPH2PS (R10), Y12; \
	END;                  \
	ADDQ $544, R10;       \
	NEXT_BLOCK(32)

#define BF16(MAC, ZERO, END) \
	ARGUMENTS;                \
	HALF(32, 0);              \
	VMOVDQU uppers<>(SB), Y15; \
block:                        \
	ZERO;                     \
	MOVQ $4, CX;              \
quarter:                      \
	PAIR(0);   MAC(0);        \
	PAIR(64);  MAC(8);        \
	PAIR(128); MAC(16);       \
	PAIR(192); MAC(24);       \
	ADDQ $256, DI;            \
	ADDQ $32, SI;             \
	DECQ CX;                  \
	JNZ  quarter;             \
	END;                      \
	NEXT_BLOCK(0)

// SOON asks for four lines of memory at BX, for the second level of the cache, as
// in linear_avx512.h: a tile for as many as it has itself.
#define SOON \
	PREFETCHT1 (BX);    \
	PREFETCHT1 64(BX);  \
	PREFETCHT1 128(BX); \
	PREFETCHT1 192(BX); \
	ADDQ $256, BX

#define PLANES_ARGUMENTS \
	MOVQ out+0(FP), DX;      \
	MOVQ stride+8(FP), R11;  \
	MOVQ x+16(FP), SI;       \
	MOVQ xStride+24(FP), R8; \
	MOVQ soon+32(FP), BX;    \
	MOVQ tiles+40(FP), DI

// Two weight planes: hi and lo of x on the first, hi of x on the second.
#define BF16X2(MAC, MACHI, ZERO, END, ENDHI) \
	PLANES_ARGUMENTS;         \
	MOVQ half+56(FP), CX;     \
	SHLQ $5, CX;              \
	ADDQ CX, DI;              \
	ADDQ CX, DX;              \
	VMOVDQU uppers<>(SB), Y15; \
block:                        \
	ZERO;                     \
	MOVQ $4, CX;              \
quarter:                      \
	SOON;                     \
	PAIR(0);   MAC(0);        \
	PAIR(64);  MAC(8);        \
	PAIR(128); MAC(16);       \
	PAIR(192); MAC(24);       \
	ADDQ $256, DI;            \
	ADDQ $32, SI;             \
	DECQ CX;                  \
	JNZ  quarter;             \
	END;                      \
	SUBQ $128, SI;            \
	ZERO;                     \
	MOVQ $4, CX;              \
second:                       \
	SOON;                     \
	PAIR(0);   MACHI(0);      \
	PAIR(64);  MACHI(8);      \
	PAIR(128); MACHI(16);     \
	PAIR(192); MACHI(24);     \
	ADDQ $256, DI;            \
	ADDQ $32, SI;             \
	DECQ CX;                  \
	JNZ  second;              \
	ENDHI;                    \
	ADDQ $128, SI;            \
	DECQ blocks+48(FP);       \
	JNZ  block;               \
	VZEROUPPER;               \
	RET

// Eight dwords: the nibble mask.
DATA fifteens<>+0(SB)/8, $0x0000000f0000000f
DATA fifteens<>+8(SB)/8, $0x0000000f0000000f
DATA fifteens<>+16(SB)/8, $0x0000000f0000000f
DATA fifteens<>+24(SB)/8, $0x0000000f0000000f
GLOBL fifteens<>(SB), RODATA|NOPTR, $32

// Eight dwords: what Q4_0 takes off.
DATA eights<>+0(SB)/8, $0x0000000800000008
DATA eights<>+8(SB)/8, $0x0000000800000008
DATA eights<>+16(SB)/8, $0x0000000800000008
DATA eights<>+24(SB)/8, $0x0000000800000008
GLOBL eights<>(SB), RODATA|NOPTR, $32

// Eight dwords: the mask of the upper half words.
DATA uppers<>+0(SB)/8, $0xffff0000ffff0000
DATA uppers<>+8(SB)/8, $0xffff0000ffff0000
DATA uppers<>+16(SB)/8, $0xffff0000ffff0000
DATA uppers<>+24(SB)/8, $0xffff0000ffff0000
GLOBL uppers<>(SB), RODATA|NOPTR, $32

// 1 row.
#define MAC1(OFF) \
	FMA4(ROW0, OFF, Y0, Y3, Y6, Y9)

#define MACHI1(OFF) \
	FMA2(ROW0, OFF, Y0, Y3)

#define ZERO1 \
	CLEAR4(Y0, Y3, Y6, Y9)

#define SCALE1 \
	SCALE(ROW0, Y0, Y3, Y6, Y9)

#define SCALEMIN1 \
	SCALEMIN(ROW0, Y0, Y3, Y6, Y9)

#define ADD1 \
	ADD(ROW0, Y0, Y3, Y6, Y9)

#define ADDHI1 \
	ADDHI(ROW0, Y0, Y3)

// 2 rows.
#define MAC2(OFF) \
	FMA4(ROW0, OFF, Y0, Y3, Y6, Y9); \
	FMA4(ROW1, OFF, Y1, Y4, Y7, Y10)

#define MACHI2(OFF) \
	FMA2(ROW0, OFF, Y0, Y3); \
	FMA2(ROW1, OFF, Y1, Y4)

#define ZERO2 \
	CLEAR4(Y0, Y3, Y6, Y9); \
	CLEAR4(Y1, Y4, Y7, Y10)

#define SCALE2 \
	SCALE(ROW0, Y0, Y3, Y6, Y9); \
	SCALE(ROW1, Y1, Y4, Y7, Y10)

#define SCALEMIN2 \
	SCALEMIN(ROW0, Y0, Y3, Y6, Y9); \
	SCALEMIN(ROW1, Y1, Y4, Y7, Y10)

#define ADD2 \
	ADD(ROW0, Y0, Y3, Y6, Y9); \
	ADD(ROW1, Y1, Y4, Y7, Y10)

#define ADDHI2 \
	ADDHI(ROW0, Y0, Y3); \
	ADDHI(ROW1, Y1, Y4)

// 3 rows.
#define MAC3(OFF) \
	FMA4(ROW0, OFF, Y0, Y3, Y6, Y9); \
	FMA4(ROW1, OFF, Y1, Y4, Y7, Y10); \
	FMA4(ROW2, OFF, Y2, Y5, Y8, Y11)

#define MACHI3(OFF) \
	FMA2(ROW0, OFF, Y0, Y3); \
	FMA2(ROW1, OFF, Y1, Y4); \
	FMA2(ROW2, OFF, Y2, Y5)

#define ZERO3 \
	CLEAR4(Y0, Y3, Y6, Y9); \
	CLEAR4(Y1, Y4, Y7, Y10); \
	CLEAR4(Y2, Y5, Y8, Y11)

#define SCALE3 \
	SCALE(ROW0, Y0, Y3, Y6, Y9); \
	SCALE(ROW1, Y1, Y4, Y7, Y10); \
	SCALE(ROW2, Y2, Y5, Y8, Y11)

#define SCALEMIN3 \
	SCALEMIN(ROW0, Y0, Y3, Y6, Y9); \
	SCALEMIN(ROW1, Y1, Y4, Y7, Y10); \
	SCALEMIN(ROW2, Y2, Y5, Y8, Y11)

#define ADD3 \
	ADD(ROW0, Y0, Y3, Y6, Y9); \
	ADD(ROW1, Y1, Y4, Y7, Y10); \
	ADD(ROW2, Y2, Y5, Y8, Y11)

#define ADDHI3 \
	ADDHI(ROW0, Y0, Y3); \
	ADDHI(ROW1, Y1, Y4); \
	ADDHI(ROW2, Y2, Y5)

// func linearQ41Y1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearQ41Y1(SB), NOSPLIT, $0-72
	Q41(MAC1, ZERO1, SCALEMIN1)

// func linearQ40Y1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearQ40Y1(SB), NOSPLIT, $0-72
	Q40(MAC1, ZERO1, SCALE1)

// func linearQ8Y1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearQ8Y1(SB), NOSPLIT, $0-72
	Q8(MAC1, ZERO1, SCALE1)

// func linearBF16Y1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearBF16Y1(SB), NOSPLIT, $0-72
	BF16(MAC1, ZERO1, ADD1)

// func linearBF16x2Y1(out *float32, stride uintptr, x *byte, xStride uintptr, soon, tiles *byte, blocks, half uintptr)
TEXT ·linearBF16x2Y1(SB), NOSPLIT, $0-64
	BF16X2(MAC1, MACHI1, ZERO1, ADD1, ADDHI1)

// func linearQ41Y2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearQ41Y2(SB), NOSPLIT, $0-72
	Q41(MAC2, ZERO2, SCALEMIN2)

// func linearQ40Y2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearQ40Y2(SB), NOSPLIT, $0-72
	Q40(MAC2, ZERO2, SCALE2)

// func linearQ8Y2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearQ8Y2(SB), NOSPLIT, $0-72
	Q8(MAC2, ZERO2, SCALE2)

// func linearBF16Y2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearBF16Y2(SB), NOSPLIT, $0-72
	BF16(MAC2, ZERO2, ADD2)

// func linearBF16x2Y2(out *float32, stride uintptr, x *byte, xStride uintptr, soon, tiles *byte, blocks, half uintptr)
TEXT ·linearBF16x2Y2(SB), NOSPLIT, $0-64
	BF16X2(MAC2, MACHI2, ZERO2, ADD2, ADDHI2)

// func linearQ41Y3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearQ41Y3(SB), NOSPLIT, $0-72
	Q41(MAC3, ZERO3, SCALEMIN3)

// func linearQ40Y3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearQ40Y3(SB), NOSPLIT, $0-72
	Q40(MAC3, ZERO3, SCALE3)

// func linearQ8Y3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearQ8Y3(SB), NOSPLIT, $0-72
	Q8(MAC3, ZERO3, SCALE3)

// func linearBF16Y3(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, half uintptr)
TEXT ·linearBF16Y3(SB), NOSPLIT, $0-72
	BF16(MAC3, ZERO3, ADD3)

// func linearBF16x2Y3(out *float32, stride uintptr, x *byte, xStride uintptr, soon, tiles *byte, blocks, half uintptr)
TEXT ·linearBF16x2Y3(SB), NOSPLIT, $0-64
	BF16X2(MAC3, MACHI3, ZERO3, ADD3, ADDHI3)
