//go:build !purego

#include "textflag.h"

// The linear layer on AVX-512 with float32 products. They are exact, so that
// the fused multiply-add below rounds as often as the definition does.
//
//	Z24      table of 16 nibble values, or the mask of the upper half words
//	Z25      packed weights        Z26, Z27 weights of an even and an odd k
//	Z28      scratch               Z29 d    Z30 m
#define SCALES Z29
#define MINIMA Z30
#define SCRATCH Z28
#include "linear_avx512.h"

// MAC adds the products of one pair of k (weights Z26, Z27; x at byte OFF of
// the block) to a row's four chains.
#define MAC(OFF, N, ROW, HE, HO, LE, LO) \
	VFMADD231PS.BCST ROW((OFF), SI, R8, R9, R10), Z26, HE;     \
	VFMADD231PS.BCST ROW((OFF+4), SI, R8, R9, R10), Z27, HO;   \
	VFMADD231PS.BCST ROW((OFF+128), SI, R8, R9, R10), Z26, LE; \
	VFMADD231PS.BCST ROW((OFF+132), SI, R8, R9, R10), Z27, LO

// MACHI is the hi plane alone.
#define MACHI(OFF, N, ROW, HE, HO, LE, LO) \
	VFMADD231PS.BCST ROW((OFF), SI, R8, R9, R10), Z26, HE; \
	VFMADD231PS.BCST ROW((OFF+4), SI, R8, R9, R10), Z27, HO

// A pair of weights, by format, and its products. Two nibbles of each lane's
// dword, by shift and table:
#define NIBBLES(EACH, EVEN, ODD, X) \
	VPSRLD $EVEN, Z25, Z26; \
	VPSRLD $ODD, Z25, Z27;  \
	VPERMPS Z24, Z26, Z26;  \
	VPERMPS Z24, Z27, Z27;  \
	EACH(MAC, X)

// Two rows of 16 signed bytes at AT of the tile:
#define BYTES(EACH, AT, X) \
	VPMOVSXBD (AT)(DI), Z26;    \
	VPMOVSXBD (AT+16)(DI), Z27; \
	VCVTDQ2PS Z26, Z26;         \
	VCVTDQ2PS Z27, Z27;         \
	EACH(MAC, X)

// One row of 16 pairs of bf16 at AT of the tile:
#define PAIR(EACH, OP, AT, X) \
	VMOVDQU32 (AT)(DI), Z25; \
	VPSLLD $16, Z25, Z26;    \
	VPANDD Z24, Z25, Z27;    \
	EACH(OP, X)

// 8 k of a block of nibbles, and 8 of bytes or bf16.
#define NIBBLES8(EACH, AT, X) \
	VMOVDQU32 (AT)(DI), Z25;     \
	NIBBLES(EACH, 0, 16, X);     \
	NIBBLES(EACH, 4, 20, X+8);   \
	NIBBLES(EACH, 8, 24, X+16);  \
	NIBBLES(EACH, 12, 28, X+24)

#define BYTES8(EACH, AT, X) \
	BYTES(EACH, AT, X);       \
	BYTES(EACH, AT+32, X+8);  \
	BYTES(EACH, AT+64, X+16); \
	BYTES(EACH, AT+96, X+24)

#define PAIR8(EACH, OP, AT, X) \
	PAIR(EACH, OP, AT, X);        \
	PAIR(EACH, OP, AT+64, X+8);   \
	PAIR(EACH, OP, AT+128, X+16); \
	PAIR(EACH, OP, AT+192, X+24)

#define PAIRSOON8(EACH, OP, AT, X) \
	SOON(AT);               \
	SOON(AT+128);           \
	PAIR8(EACH, OP, AT, X)

#define NIBBLES32(EACH) \
	NIBBLES8(EACH, 0, 0);    \
	NIBBLES8(EACH, 64, 32);  \
	NIBBLES8(EACH, 128, 64); \
	NIBBLES8(EACH, 192, 96)

#define BYTES32(EACH) \
	BYTES8(EACH, 0, 0);    \
	BYTES8(EACH, 128, 32); \
	BYTES8(EACH, 256, 64); \
	BYTES8(EACH, 384, 96)

#define PAIR32(EACH, OP, AT) \
	PAIR8(EACH, OP, AT, 0);      \
	PAIR8(EACH, OP, AT+256, 32); \
	PAIR8(EACH, OP, AT+512, 64); \
	PAIR8(EACH, OP, AT+768, 96)

// The same, asking for memory that comes after the tile's.
#define PAIRSOON32(EACH, OP, AT) \
	PAIRSOON8(EACH, OP, AT, 0);      \
	PAIRSOON8(EACH, OP, AT+256, 32); \
	PAIRSOON8(EACH, OP, AT+512, 64); \
	PAIRSOON8(EACH, OP, AT+768, 96)

// The blocks of EACH rows.
#define Q41(LOOP, EACH) \
LOOP:                        \
	AHEAD5; \
	EACH(CLEAR, 0);          \
	NIBBLES32(EACH);         \
	VCVTPH2PS 256(DI), Z29;  \
	VCVTPH2PS 288(DI), Z30;  \
	EACH(SCALEMIN, 0);       \
	ADDQ $320, DI;           \
	ADDQ $4, BX;             \
	NEXT_BLOCK(LOOP, 256)

#define Q40(LOOP, EACH) \
LOOP:                       \
	AHEAD5; \
	EACH(CLEAR, 0);         \
	NIBBLES32(EACH);        \
	VCVTPH2PS 256(DI), Z29; \
	EACH(SCALE, 0);         \
	ADDQ $288, DI;          \
	NEXT_BLOCK(LOOP, 256)

#define Q8(LOOP, EACH) \
LOOP:                       \
	AHEAD9; \
	EACH(CLEAR, 0);         \
	BYTES32(EACH);          \
	VCVTPH2PS 512(DI), Z29; \
	EACH(SCALE, 0);         \
	ADDQ $544, DI;          \
	NEXT_BLOCK(LOOP, 256)

#define BF16(LOOP, EACH) \
LOOP:                     \
	AHEAD16; \
	EACH(CLEAR, 0);       \
	PAIR32(EACH, MAC, 0); \
	EACH(ADD, 0);         \
	ADDQ $1024, DI;       \
	NEXT_BLOCK(LOOP, 256)

// Two weight planes: hi and lo of x on the first, hi of x on the second. TILE and
// NEXT are PAIR32 and NOTHING or, where memory is asked for, PAIRSOON32 and
// SOON_TILE.
#define BF16X2(LOOP, EACH, TILE, NEXT) \
LOOP:                          \
	EACH(CLEAR, 0);            \
	TILE(EACH, MAC, 0);        \
	EACH(ADD, 0);              \
	EACH(CLEAR, 0);            \
	TILE(EACH, MACHI, 1024);   \
	EACH(ADDHI, 0);            \
	ADDQ $2048, DI;            \
	NEXT;                      \
	NEXT_TABLE_BLOCK(LOOP, 256)

#define NOTHING

#define ALL_ROWS(FORMAT) \
	CHOOSE_ROWS;          \
	FORMAT(rows6, EACH6); \
	FORMAT(rows5, EACH5); \
	FORMAT(rows4, EACH4); \
	FORMAT(rows3, EACH3); \
	FORMAT(rows2, EACH2); \
	FORMAT(rows1, EACH1)

#define BF16_MASK \
	MOVL $0xffff0000, CX; \
	VPBROADCASTD CX, Z24

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

// func linearQ41AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)
TEXT ·linearQ41AVX512(SB), NOSPLIT, $0-96
	ARGUMENTS
	VMOVUPS nibbles41<>(SB), Z24
	FIND_AHEAD
	ALL_ROWS(Q41)

// func linearQ40AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)
TEXT ·linearQ40AVX512(SB), NOSPLIT, $0-96
	ARGUMENTS
	VMOVUPS nibbles40<>(SB), Z24
	FIND_AHEAD
	ALL_ROWS(Q40)

// func linearQ8AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)
TEXT ·linearQ8AVX512(SB), NOSPLIT, $0-96
	ARGUMENTS
	FIND_AHEAD
	ALL_ROWS(Q8)

// func linearBF16AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)
TEXT ·linearBF16AVX512(SB), NOSPLIT, $0-96
	ARGUMENTS
	BF16_MASK
	FIND_AHEAD
	ALL_ROWS(BF16)

// func linearBF16x2AVX512(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later *byte, tiles *byte, blocks, rows uintptr, next *[]byte, offset, keep uintptr)
TEXT ·linearBF16x2AVX512(SB), NOSPLIT, $0-96
	BF16_MASK
	PLANES_ARGUMENTS
	CHOOSE_ROWS
	BF16X2(rows6, EACH6, PAIR32, NOTHING)
	BF16X2(rows5, EACH5, PAIR32, NOTHING)
	BF16X2(rows4, EACH4, PAIR32, NOTHING)
	BF16X2(rows3, EACH3, PAIR32, NOTHING)
	BF16X2(rows2, EACH2, PAIR32, NOTHING)
	BF16X2(rows1, EACH1, PAIR32, NOTHING)

done:
	VZEROUPPER
	RET

// func linearBF16x2SoonAVX512(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later *byte, tiles *byte, blocks, rows uintptr, next *[]byte, offset, keep uintptr)
TEXT ·linearBF16x2SoonAVX512(SB), NOSPLIT, $0-96
	BF16_MASK
	PLANES_ARGUMENTS
	CHOOSE_ROWS
	BF16X2(rows6, EACH6, PAIRSOON32, SOON_TILE)
	BF16X2(rows5, EACH5, PAIRSOON32, SOON_TILE)
	BF16X2(rows4, EACH4, PAIRSOON32, SOON_TILE)
	BF16X2(rows3, EACH3, PAIRSOON32, SOON_TILE)
	BF16X2(rows2, EACH2, PAIRSOON32, SOON_TILE)
	BF16X2(rows1, EACH1, PAIRSOON32, SOON_TILE)

done:
	VZEROUPPER
	RET
