//go:build !purego

#include "textflag.h"

// The linear layer on AVX-512: one panel of 16 outputs, R rows of planes, any
// number of blocks. The definition is linearGeneric; the products are exact in
// float32, so that the fused multiply-add below rounds as often as it does.
//
// Registers of row r (0 to 5), one lane an output:
//	Z(r)     even k, hi plane      Z(6+r)   odd k, hi plane
//	Z(12+r)  even k, lo plane      Z(18+r)  odd k, lo plane
//	Z24      table of 16 nibble values, or the mask of the upper half words
//	Z25      packed weights        Z26, Z27 weights of an even and an odd k
//	Z28      scratch               Z29 d    Z30 m
//
//	SI  x, at this block's hi plane; rows R8, R9 = 3*R8, R10 = 5*R8 apart
//	DX  out; rows R11, R12 = 3*R11, R13 = 5*R11 apart
//	BX  sums, at this block; rows AX, R14 = 3*AX, R15 = 5*AX apart
//	DI  tile                       CX  quarter of the block, counting down

// Row addresses, from a base and the row stride with its multiples.
#define ROW0(OFF, B, S1, S3, S5) (OFF)(B)
#define ROW1(OFF, B, S1, S3, S5) (OFF)(B)(S1*1)
#define ROW2(OFF, B, S1, S3, S5) (OFF)(B)(S1*2)
#define ROW3(OFF, B, S1, S3, S5) (OFF)(B)(S3*1)
#define ROW4(OFF, B, S1, S3, S5) (OFF)(B)(S1*4)
#define ROW5(OFF, B, S1, S3, S5) (OFF)(B)(S5*1)

// FMA4 adds the products of one pair of k (weights Z26, Z27; x at byte OFF of
// the block) to a row's four chains.
#define FMA4(ROW, OFF, HE, HO, LE, LO) \
	VFMADD231PS.BCST ROW((OFF), SI, R8, R9, R10), Z26, HE;     \
	VFMADD231PS.BCST ROW((OFF+4), SI, R8, R9, R10), Z27, HO;   \
	VFMADD231PS.BCST ROW((OFF+128), SI, R8, R9, R10), Z26, LE; \
	VFMADD231PS.BCST ROW((OFF+132), SI, R8, R9, R10), Z27, LO

// FMA2 is the hi plane alone.
#define FMA2(ROW, OFF, HE, HO) \
	VFMADD231PS.BCST ROW((OFF), SI, R8, R9, R10), Z26, HE; \
	VFMADD231PS.BCST ROW((OFF+4), SI, R8, R9, R10), Z27, HO

#define CLEAR4(A, B, C, D) \
	VPXORD A, A, A; \
	VPXORD B, B, B; \
	VPXORD C, C, C; \
	VPXORD D, D, D

// A row's end of block: t = (he + ho) + (le + lo); out += t*d.
#define SCALE(ROW, HE, HO, LE, LO) \
	VADDPS  HO, HE, HE;                           \
	VADDPS  LO, LE, LE;                           \
	VADDPS  LE, HE, HE;                           \
	VMULPS  Z29, HE, HE;                          \
	VADDPS  ROW(0, DX, R11, R12, R13), HE, HE;    \
	VMOVUPS HE, ROW(0, DX, R11, R12, R13)

// The same, then out += m*s.
#define SCALEMIN(ROW, HE, HO, LE, LO) \
	VADDPS      HO, HE, HE;                         \
	VADDPS      LO, LE, LE;                         \
	VADDPS      LE, HE, HE;                         \
	VMULPS      Z29, HE, HE;                        \
	VADDPS      ROW(0, DX, R11, R12, R13), HE, HE;  \
	VMULPS.BCST ROW(0, BX, AX, R14, R15), Z30, Z28; \
	VADDPS      Z28, HE, HE;                        \
	VMOVUPS     HE, ROW(0, DX, R11, R12, R13)

// Unscaled: out += he + ho; out += le + lo.
#define ADD(ROW, HE, HO, LE, LO) \
	VADDPS  HO, HE, HE;                        \
	VADDPS  LO, LE, LE;                        \
	VADDPS  ROW(0, DX, R11, R12, R13), HE, HE; \
	VADDPS  LE, HE, HE;                        \
	VMOVUPS HE, ROW(0, DX, R11, R12, R13)

// The hi plane alone: out += he + ho.
#define ADDHI(ROW, HE, HO) \
	VADDPS  HO, HE, HE;                        \
	VADDPS  ROW(0, DX, R11, R12, R13), HE, HE; \
	VMOVUPS HE, ROW(0, DX, R11, R12, R13)

// Pairs of weights. Two nibbles of each lane's dword, by shift and table:
#define NIBBLES(EVEN, ODD) \
	VPSRLD $EVEN, Z25, Z26; \
	VPSRLD $ODD, Z25, Z27;  \
	VPERMPS Z24, Z26, Z26;  \
	VPERMPS Z24, Z27, Z27

// Two rows of 16 signed bytes at AT of the tile:
#define BYTES(AT) \
	VPMOVSXBD (AT)(DI), Z26;    \
	VPMOVSXBD (AT+16)(DI), Z27; \
	VCVTDQ2PS Z26, Z26;         \
	VCVTDQ2PS Z27, Z27

// One row of 16 pairs of bf16 at AT of the tile:
#define PAIR(AT) \
	VMOVDQU32 (AT)(DI), Z25; \
	VPSLLD $16, Z25, Z26;    \
	VPANDD Z24, Z25, Z27

// Arguments and strides, the same for every kernel.
#define ARGUMENTS \
	MOVQ out+0(FP), DX;        \
	MOVQ stride+8(FP), R11;    \
	MOVQ x+16(FP), SI;         \
	MOVQ xStride+24(FP), R8;   \
	MOVQ sums+32(FP), BX;      \
	MOVQ sumStride+40(FP), AX; \
	MOVQ tiles+48(FP), DI;     \
	LEAQ (R8)(R8*2), R9;       \
	LEAQ (R8)(R8*4), R10;      \
	LEAQ (R11)(R11*2), R12;    \
	LEAQ (R11)(R11*4), R13;    \
	LEAQ (AX)(AX*2), R14;      \
	LEAQ (AX)(AX*4), R15

// A quarter of a block is 8 k: 32 bytes of each plane.
#define Q4_BLOCK(MAC, ZERO) \
	ZERO;                     \
	MOVQ $4, CX;              \
quarter:                      \
	VMOVDQU32 (DI), Z25;      \
	NIBBLES(0, 16);  MAC(0);  \
	NIBBLES(4, 20);  MAC(8);  \
	NIBBLES(8, 24);  MAC(16); \
	NIBBLES(12, 28); MAC(24); \
	ADDQ $64, DI;             \
	ADDQ $32, SI;             \
	DECQ CX;                  \
	JNZ  quarter

#define Q41(MAC, ZERO, END) \
	ARGUMENTS;                    \
	VMOVUPS nibbles41<>(SB), Z24; \
block:                            \
	Q4_BLOCK(MAC, ZERO);          \
	VCVTPH2PS (DI), Z29;          \
	VCVTPH2PS 32(DI), Z30;        \
	END;                          \
	ADDQ $64, DI;                 \
	ADDQ $128, SI;                \
	ADDQ $4, BX;                  \
	DECQ blocks+56(FP);           \
	JNZ  block;                   \
	VZEROUPPER;                   \
	RET

#define Q40(MAC, ZERO, END) \
	ARGUMENTS;                    \
	VMOVUPS nibbles40<>(SB), Z24; \
block:                            \
	Q4_BLOCK(MAC, ZERO);          \
	VCVTPH2PS (DI), Z29;          \
	END;                          \
	ADDQ $32, DI;                 \
	ADDQ $128, SI;                \
	DECQ blocks+56(FP);           \
	JNZ  block;                   \
	VZEROUPPER;                   \
	RET

#define Q8(MAC, ZERO, END) \
	ARGUMENTS;            \
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
	VCVTPH2PS (DI), Z29;  \
	END;                  \
	ADDQ $32, DI;         \
	ADDQ $128, SI;        \
	DECQ blocks+56(FP);   \
	JNZ  block;           \
	VZEROUPPER;           \
	RET

#define BF16_MASK \
	MOVL $0xffff0000, CX; \
	VPBROADCASTD CX, Z24

#define BF16(MAC, ZERO, END) \
	ARGUMENTS;          \
	BF16_MASK;          \
block:                  \
	ZERO;               \
	MOVQ $4, CX;        \
quarter:                \
	PAIR(0);   MAC(0);  \
	PAIR(64);  MAC(8);  \
	PAIR(128); MAC(16); \
	PAIR(192); MAC(24); \
	ADDQ $256, DI;      \
	ADDQ $32, SI;       \
	DECQ CX;            \
	JNZ  quarter;       \
	END;                \
	ADDQ $128, SI;      \
	DECQ blocks+56(FP); \
	JNZ  block;         \
	VZEROUPPER;         \
	RET

// Two weight planes: hi and lo of x on the first, hi of x on the second.
#define BF16X2(MAC, MACHI, ZERO, END, ENDHI) \
	ARGUMENTS;            \
	BF16_MASK;            \
block:                    \
	ZERO;                 \
	MOVQ $4, CX;          \
quarter:                  \
	PAIR(0);   MAC(0);    \
	PAIR(64);  MAC(8);    \
	PAIR(128); MAC(16);   \
	PAIR(192); MAC(24);   \
	ADDQ $256, DI;        \
	ADDQ $32, SI;         \
	DECQ CX;              \
	JNZ  quarter;         \
	END;                  \
	SUBQ $128, SI;        \
	ZERO;                 \
	MOVQ $4, CX;          \
second:                   \
	PAIR(0);   MACHI(0);  \
	PAIR(64);  MACHI(8);  \
	PAIR(128); MACHI(16); \
	PAIR(192); MACHI(24); \
	ADDQ $256, DI;        \
	ADDQ $32, SI;         \
	DECQ CX;              \
	JNZ  second;          \
	ENDHI;                \
	ADDQ $128, SI;        \
	DECQ blocks+56(FP);   \
	JNZ  block;           \
	VZEROUPPER;           \
	RET

// 1 row.
#define MAC1(OFF) \
	FMA4(ROW0, OFF, Z0, Z6, Z12, Z18)

#define MACHI1(OFF) \
	FMA2(ROW0, OFF, Z0, Z6)

#define ZERO1 \
	CLEAR4(Z0, Z6, Z12, Z18)

#define SCALE1 \
	SCALE(ROW0, Z0, Z6, Z12, Z18)

#define SCALEMIN1 \
	SCALEMIN(ROW0, Z0, Z6, Z12, Z18)

#define ADD1 \
	ADD(ROW0, Z0, Z6, Z12, Z18)

#define ADDHI1 \
	ADDHI(ROW0, Z0, Z6)

// 2 rows.
#define MAC2(OFF) \
	FMA4(ROW0, OFF, Z0, Z6, Z12, Z18); \
	FMA4(ROW1, OFF, Z1, Z7, Z13, Z19)

#define MACHI2(OFF) \
	FMA2(ROW0, OFF, Z0, Z6); \
	FMA2(ROW1, OFF, Z1, Z7)

#define ZERO2 \
	CLEAR4(Z0, Z6, Z12, Z18); \
	CLEAR4(Z1, Z7, Z13, Z19)

#define SCALE2 \
	SCALE(ROW0, Z0, Z6, Z12, Z18); \
	SCALE(ROW1, Z1, Z7, Z13, Z19)

#define SCALEMIN2 \
	SCALEMIN(ROW0, Z0, Z6, Z12, Z18); \
	SCALEMIN(ROW1, Z1, Z7, Z13, Z19)

#define ADD2 \
	ADD(ROW0, Z0, Z6, Z12, Z18); \
	ADD(ROW1, Z1, Z7, Z13, Z19)

#define ADDHI2 \
	ADDHI(ROW0, Z0, Z6); \
	ADDHI(ROW1, Z1, Z7)

// 4 rows.
#define MAC4(OFF) \
	FMA4(ROW0, OFF, Z0, Z6, Z12, Z18); \
	FMA4(ROW1, OFF, Z1, Z7, Z13, Z19); \
	FMA4(ROW2, OFF, Z2, Z8, Z14, Z20); \
	FMA4(ROW3, OFF, Z3, Z9, Z15, Z21)

#define MACHI4(OFF) \
	FMA2(ROW0, OFF, Z0, Z6); \
	FMA2(ROW1, OFF, Z1, Z7); \
	FMA2(ROW2, OFF, Z2, Z8); \
	FMA2(ROW3, OFF, Z3, Z9)

#define ZERO4 \
	CLEAR4(Z0, Z6, Z12, Z18); \
	CLEAR4(Z1, Z7, Z13, Z19); \
	CLEAR4(Z2, Z8, Z14, Z20); \
	CLEAR4(Z3, Z9, Z15, Z21)

#define SCALE4 \
	SCALE(ROW0, Z0, Z6, Z12, Z18); \
	SCALE(ROW1, Z1, Z7, Z13, Z19); \
	SCALE(ROW2, Z2, Z8, Z14, Z20); \
	SCALE(ROW3, Z3, Z9, Z15, Z21)

#define SCALEMIN4 \
	SCALEMIN(ROW0, Z0, Z6, Z12, Z18); \
	SCALEMIN(ROW1, Z1, Z7, Z13, Z19); \
	SCALEMIN(ROW2, Z2, Z8, Z14, Z20); \
	SCALEMIN(ROW3, Z3, Z9, Z15, Z21)

#define ADD4 \
	ADD(ROW0, Z0, Z6, Z12, Z18); \
	ADD(ROW1, Z1, Z7, Z13, Z19); \
	ADD(ROW2, Z2, Z8, Z14, Z20); \
	ADD(ROW3, Z3, Z9, Z15, Z21)

#define ADDHI4 \
	ADDHI(ROW0, Z0, Z6); \
	ADDHI(ROW1, Z1, Z7); \
	ADDHI(ROW2, Z2, Z8); \
	ADDHI(ROW3, Z3, Z9)

// 6 rows.
#define MAC6(OFF) \
	FMA4(ROW0, OFF, Z0, Z6, Z12, Z18); \
	FMA4(ROW1, OFF, Z1, Z7, Z13, Z19); \
	FMA4(ROW2, OFF, Z2, Z8, Z14, Z20); \
	FMA4(ROW3, OFF, Z3, Z9, Z15, Z21); \
	FMA4(ROW4, OFF, Z4, Z10, Z16, Z22); \
	FMA4(ROW5, OFF, Z5, Z11, Z17, Z23)

#define MACHI6(OFF) \
	FMA2(ROW0, OFF, Z0, Z6); \
	FMA2(ROW1, OFF, Z1, Z7); \
	FMA2(ROW2, OFF, Z2, Z8); \
	FMA2(ROW3, OFF, Z3, Z9); \
	FMA2(ROW4, OFF, Z4, Z10); \
	FMA2(ROW5, OFF, Z5, Z11)

#define ZERO6 \
	CLEAR4(Z0, Z6, Z12, Z18); \
	CLEAR4(Z1, Z7, Z13, Z19); \
	CLEAR4(Z2, Z8, Z14, Z20); \
	CLEAR4(Z3, Z9, Z15, Z21); \
	CLEAR4(Z4, Z10, Z16, Z22); \
	CLEAR4(Z5, Z11, Z17, Z23)

#define SCALE6 \
	SCALE(ROW0, Z0, Z6, Z12, Z18); \
	SCALE(ROW1, Z1, Z7, Z13, Z19); \
	SCALE(ROW2, Z2, Z8, Z14, Z20); \
	SCALE(ROW3, Z3, Z9, Z15, Z21); \
	SCALE(ROW4, Z4, Z10, Z16, Z22); \
	SCALE(ROW5, Z5, Z11, Z17, Z23)

#define SCALEMIN6 \
	SCALEMIN(ROW0, Z0, Z6, Z12, Z18); \
	SCALEMIN(ROW1, Z1, Z7, Z13, Z19); \
	SCALEMIN(ROW2, Z2, Z8, Z14, Z20); \
	SCALEMIN(ROW3, Z3, Z9, Z15, Z21); \
	SCALEMIN(ROW4, Z4, Z10, Z16, Z22); \
	SCALEMIN(ROW5, Z5, Z11, Z17, Z23)

#define ADD6 \
	ADD(ROW0, Z0, Z6, Z12, Z18); \
	ADD(ROW1, Z1, Z7, Z13, Z19); \
	ADD(ROW2, Z2, Z8, Z14, Z20); \
	ADD(ROW3, Z3, Z9, Z15, Z21); \
	ADD(ROW4, Z4, Z10, Z16, Z22); \
	ADD(ROW5, Z5, Z11, Z17, Z23)

#define ADDHI6 \
	ADDHI(ROW0, Z0, Z6); \
	ADDHI(ROW1, Z1, Z7); \
	ADDHI(ROW2, Z2, Z8); \
	ADDHI(ROW3, Z3, Z9); \
	ADDHI(ROW4, Z4, Z10); \
	ADDHI(ROW5, Z5, Z11)

// The values of the nibbles 0 to 15, as float32.
DATA nibbles41<>+0(SB)/8, $0x3f80000000000000
DATA nibbles41<>+8(SB)/8, $0x4040000040000000
DATA nibbles41<>+16(SB)/8, $0x40a0000040800000
DATA nibbles41<>+24(SB)/8, $0x40e0000040c00000
DATA nibbles41<>+32(SB)/8, $0x4110000041000000
DATA nibbles41<>+40(SB)/8, $0x4130000041200000
DATA nibbles41<>+48(SB)/8, $0x4150000041400000
DATA nibbles41<>+56(SB)/8, $0x4170000041600000
GLOBL nibbles41<>(SB), RODATA|NOPTR, $64

// The values of the nibbles 0 to 15, as float32 less 8.
DATA nibbles40<>+0(SB)/8, $0xc0e00000c1000000
DATA nibbles40<>+8(SB)/8, $0xc0a00000c0c00000
DATA nibbles40<>+16(SB)/8, $0xc0400000c0800000
DATA nibbles40<>+24(SB)/8, $0xbf800000c0000000
DATA nibbles40<>+32(SB)/8, $0x3f80000000000000
DATA nibbles40<>+40(SB)/8, $0x4040000040000000
DATA nibbles40<>+48(SB)/8, $0x40a0000040800000
DATA nibbles40<>+56(SB)/8, $0x40e0000040c00000
GLOBL nibbles40<>(SB), RODATA|NOPTR, $64

// func linearQ41R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ41R1(SB), NOSPLIT, $0-64
	Q41(MAC1, ZERO1, SCALEMIN1)

// func linearQ40R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ40R1(SB), NOSPLIT, $0-64
	Q40(MAC1, ZERO1, SCALE1)

// func linearQ8R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ8R1(SB), NOSPLIT, $0-64
	Q8(MAC1, ZERO1, SCALE1)

// func linearBF16R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16R1(SB), NOSPLIT, $0-64
	BF16(MAC1, ZERO1, ADD1)

// func linearBF16x2R1(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2R1(SB), NOSPLIT, $0-64
	BF16X2(MAC1, MACHI1, ZERO1, ADD1, ADDHI1)

// func linearQ41R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ41R2(SB), NOSPLIT, $0-64
	Q41(MAC2, ZERO2, SCALEMIN2)

// func linearQ40R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ40R2(SB), NOSPLIT, $0-64
	Q40(MAC2, ZERO2, SCALE2)

// func linearQ8R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ8R2(SB), NOSPLIT, $0-64
	Q8(MAC2, ZERO2, SCALE2)

// func linearBF16R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16R2(SB), NOSPLIT, $0-64
	BF16(MAC2, ZERO2, ADD2)

// func linearBF16x2R2(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2R2(SB), NOSPLIT, $0-64
	BF16X2(MAC2, MACHI2, ZERO2, ADD2, ADDHI2)

// func linearQ41R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ41R4(SB), NOSPLIT, $0-64
	Q41(MAC4, ZERO4, SCALEMIN4)

// func linearQ40R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ40R4(SB), NOSPLIT, $0-64
	Q40(MAC4, ZERO4, SCALE4)

// func linearQ8R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ8R4(SB), NOSPLIT, $0-64
	Q8(MAC4, ZERO4, SCALE4)

// func linearBF16R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16R4(SB), NOSPLIT, $0-64
	BF16(MAC4, ZERO4, ADD4)

// func linearBF16x2R4(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2R4(SB), NOSPLIT, $0-64
	BF16X2(MAC4, MACHI4, ZERO4, ADD4, ADDHI4)

// func linearQ41R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ41R6(SB), NOSPLIT, $0-64
	Q41(MAC6, ZERO6, SCALEMIN6)

// func linearQ40R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ40R6(SB), NOSPLIT, $0-64
	Q40(MAC6, ZERO6, SCALE6)

// func linearQ8R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ8R6(SB), NOSPLIT, $0-64
	Q8(MAC6, ZERO6, SCALE6)

// func linearBF16R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16R6(SB), NOSPLIT, $0-64
	BF16(MAC6, ZERO6, ADD6)

// func linearBF16x2R6(out *float32, stride uintptr, x *float32, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2R6(SB), NOSPLIT, $0-64
	BF16X2(MAC6, MACHI6, ZERO6, ADD6, ADDHI6)
