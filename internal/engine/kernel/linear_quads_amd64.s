//go:build !purego

#include "textflag.h"

// The linear layer with VDPBF16PS, which adds two products of bf16 to each lane
// of float32: first that of the upper halves, then that of the lower, each sum
// rounded to nearest even. The definition has two chains a plane, even k and
// odd k. So the two products of one instruction must be two steps of one chain:
// k = 4q (upper half) and 4q+2 (lower), and k = 4q+1 and 4q+3. Both sides have
// them so: x as formQuads (form.go), the weights below. That is twice
// the products of a float32 multiply-add an instruction. The instruction takes
// denormals for zero and flushes denormal sums; neither occurs (docs/arithmetic.md,
// "Planes").
//
//	Z24                 table of the bf16 values of 16 nibbles, twice
//	Z26                 weights of k = 4q and 4q+2    Z27 of 4q+1 and 4q+3
//	Z25, Z28, Z31       scratch
//	K1, K2              the upper and the lower half words
#define SCALES Z26
#define MINIMA Z27
#define SCRATCH Z31
#include "linear_avx512.h"

// VDPBF16PS ACC += W . x, x the dword at 4*X bytes of row N's block, in all
// lanes. EVEX.512.F3.0F38.W0 52 /r with {1to16}; the assembler does not know it.
// ACC and W are register numbers. Row N's address is a SIB byte: SI alone or
// with R8, 2*R8, R9, 4*R8, R10.
#define VDPBF16PS(X, N, W, ACC) \
	LONG $(0x50060062 | (0x2200 | ((8-((ACC)&8))<<12) | ((16-((ACC)&16))<<8) | ((0x40>>(8*(N)))<<8)) | ((15-((W)&15))<<19) | ((16-((W)&16))<<23)); \
	LONG $(0x4452 | (((ACC)&7)<<11) | (((0x16860e460626>>(8*(N)))&0xff)<<16) | ((X)<<24))

// MAC adds the products of four k (weights Z26, Z27; x at dword Q of the hi
// plane) to a row's four chains.
#define MAC(Q, N, ROW, HE, HO, LE, LO) \
	VDPBF16PS((Q), N, 26, N);         \
	VDPBF16PS((Q)+1, N, 27, 6+N);     \
	VDPBF16PS((Q)+16, N, 26, 12+N);   \
	VDPBF16PS((Q)+17, N, 27, 18+N)

// MACHI is the hi plane alone.
#define MACHI(Q, N, ROW, HE, HO, LE, LO) \
	VDPBF16PS((Q), N, 26, N);     \
	VDPBF16PS((Q)+1, N, 27, 6+N)

// Four k's weights, by format. Nibbles: eight k lie in a dword at AT of the
// tile (pack.go); the word indices of the table are shifted into place, first
// those of the upper half words. Shifts and masks leave the multipliers free,
// which VPMULTISHIFTQB would not on the machines that this is for.
#define NIBBLES(AT) \
	VMOVDQU32 (AT)(DI), Z31;     \
	VPSLLD    $16, Z31, Z26;     \
	VPSRLD    $20, Z31, Z27;     \
	VPSRLW    $4, Z31, K2, Z26;  \
	VMOVDQU16 Z31, K1, Z27;      \
	VPERMW    Z24, Z26, Z26;     \
	VPERMW    Z24, Z27, Z27

// The second four k of the same dwords.
#define NIBBLES4(AT) \
	VMOVDQU32 (AT)(DI), Z31;     \
	VPSLLD    $8, Z31, Z26;      \
	VPSRLD    $28, Z31, Z27;     \
	VPSRLW    $12, Z31, K2, Z26; \
	VPSRLW    $8, Z31, K1, Z27;  \
	VPERMW    Z24, Z26, Z26;     \
	VPERMW    Z24, Z27, Z27

// Four rows of 16 signed bytes at AT. As float32 they are bf16 and 16 zeros.
#define BYTES(AT) \
	VPMOVSXBD (AT)(DI), Z25;    \
	VPMOVSXBD (AT+32)(DI), Z26; \
	VPMOVSXBD (AT+16)(DI), Z28; \
	VPMOVSXBD (AT+48)(DI), Z27; \
	VCVTDQ2PS Z25, Z25;         \
	VCVTDQ2PS Z26, Z26;         \
	VCVTDQ2PS Z28, Z28;         \
	VCVTDQ2PS Z27, Z27;         \
	VPSRLD $16, Z26, Z26;       \
	VPSRLD $16, Z27, Z27;       \
	VPORD Z25, Z26, Z26;        \
	VPORD Z28, Z27, Z27

// Two rows of 16 pairs of bf16 at AT.
#define PAIRS(AT) \
	VPSLLD $16, (AT)(DI), Z26;      \
	VPSRLD $16, (AT+64)(DI), Z27;   \
	VMOVDQU16 (AT+64)(DI), K2, Z26; \
	VMOVDQU16 (AT)(DI), K1, Z27

// What EXPAND left at AT.
#define WIDE(AT) \
	VMOVDQU32 (AT)(DI), Z26; \
	VMOVDQU32 (AT+64)(DI), Z27

// A whole tile; DO is what is done with four k's weights.
#define NIBBLES32(DO, EACH) \
	NIBBLES(0);   DO(EACH, 0);  \
	NIBBLES4(0);  DO(EACH, 2);  \
	NIBBLES(64);  DO(EACH, 4);  \
	NIBBLES4(64); DO(EACH, 6);  \
	NIBBLES(128);  DO(EACH, 8);  \
	NIBBLES4(128); DO(EACH, 10); \
	NIBBLES(192);  DO(EACH, 12); \
	NIBBLES4(192); DO(EACH, 14)

#define BYTES32(DO, EACH) \
	BYTES(0);   DO(EACH, 0);  \
	BYTES(64);  DO(EACH, 2);  \
	BYTES(128); DO(EACH, 4);  \
	BYTES(192); DO(EACH, 6);  \
	BYTES(256); DO(EACH, 8);  \
	BYTES(320); DO(EACH, 10); \
	BYTES(384); DO(EACH, 12); \
	BYTES(448); DO(EACH, 14)

#define PAIRS32(AT, DO, EACH) \
	PAIRS(AT);     DO(EACH, 0);  \
	PAIRS(AT+128); DO(EACH, 2);  \
	PAIRS(AT+256); DO(EACH, 4);  \
	PAIRS(AT+384); DO(EACH, 6);  \
	PAIRS(AT+512); DO(EACH, 8);  \
	PAIRS(AT+640); DO(EACH, 10); \
	PAIRS(AT+768); DO(EACH, 12); \
	PAIRS(AT+896); DO(EACH, 14)

// The same, asking for memory that comes after the tile's.
#define PAIRSOON(AT, DO, EACH, Q) \
	SOON(AT);      \
	PAIRS(AT);     \
	DO(EACH, Q)

#define PAIRSOON32(AT, DO, EACH) \
	PAIRSOON(AT, DO, EACH, 0);      \
	PAIRSOON(AT+128, DO, EACH, 2);  \
	PAIRSOON(AT+256, DO, EACH, 4);  \
	PAIRSOON(AT+384, DO, EACH, 6);  \
	PAIRSOON(AT+512, DO, EACH, 8);  \
	PAIRSOON(AT+640, DO, EACH, 10); \
	PAIRSOON(AT+768, DO, EACH, 12); \
	PAIRSOON(AT+896, DO, EACH, 14)

#define WIDE32(DO, EACH) \
	WIDE(0);   DO(EACH, 0);  \
	WIDE(128); DO(EACH, 2);  \
	WIDE(256); DO(EACH, 4);  \
	WIDE(384); DO(EACH, 6);  \
	WIDE(512); DO(EACH, 8);  \
	WIDE(640); DO(EACH, 10); \
	WIDE(768); DO(EACH, 12); \
	WIDE(896); DO(EACH, 14)

// Multiply, with both planes or the hi plane alone; or store.
#define MULTIPLY(EACH, Q) EACH(MAC, Q)
#define MULTIPLYHI(EACH, Q) EACH(MACHI, Q)
#define STORE(EACH, Q) \
	VMOVDQU32 Z26, (64*Q)(DX); \
	VMOVDQU32 Z27, (64*Q+64)(DX)

// The blocks of EACH rows.
#define Q41(LOOP, EACH) \
LOOP:                       \
	AHEAD5; \
	EACH(CLEAR, 0);         \
	NIBBLES32(MULTIPLY, EACH);        \
	VCVTPH2PS 256(DI), Z26; \
	VCVTPH2PS 288(DI), Z27; \
	EACH(SCALEMIN, 0);      \
	ADDQ $320, DI;          \
	ADDQ $4, BX;            \
	NEXT_BLOCK(LOOP, 128)

#define Q40(LOOP, EACH) \
LOOP:                       \
	AHEAD5; \
	EACH(CLEAR, 0);         \
	NIBBLES32(MULTIPLY, EACH);        \
	VCVTPH2PS 256(DI), Z26; \
	EACH(SCALE, 0);         \
	ADDQ $288, DI;          \
	NEXT_BLOCK(LOOP, 128)

#define Q8(LOOP, EACH) \
LOOP:                       \
	AHEAD9; \
	EACH(CLEAR, 0);         \
	BYTES32(MULTIPLY, EACH);          \
	VCVTPH2PS 512(DI), Z26; \
	EACH(SCALE, 0);         \
	ADDQ $544, DI;          \
	NEXT_BLOCK(LOOP, 128)

#define BF16(LOOP, EACH) \
LOOP:                      \
	AHEAD16; \
	EACH(CLEAR, 0);        \
	PAIRS32(0, MULTIPLY, EACH); \
	EACH(ADD, 0);          \
	ADDQ $1024, DI;        \
	NEXT_BLOCK(LOOP, 128)

// Two weight planes: hi and lo of x on the first, hi of x on the second. TILE and
// NEXT are PAIRS32 and NOTHING or, where memory is asked for, PAIRSOON32 and
// SOON_TILE.
#define BF16X2(LOOP, EACH, TILE, NEXT) \
LOOP:                           \
	EACH(CLEAR, 0);             \
	TILE(0, MULTIPLY, EACH);    \
	EACH(ADD, 0);               \
	EACH(CLEAR, 0);             \
	TILE(1024, MULTIPLYHI, EACH); \
	EACH(ADDHI, 0);             \
	ADDQ $2048, DI;             \
	NEXT;                       \
	NEXT_TABLE_BLOCK(LOOP, 128)

#define NOTHING

// Lines of the packed tiles that come next, at BP.
#define WIDEAHEAD3 \
	PREFETCHT0 (BP);    \
	PREFETCHT0 64(BP);  \
	PREFETCHT0 128(BP); \
	ADDQ step+96(FP), BP

#define WIDEAHEAD5 \
	PREFETCHT0 192(BP); \
	PREFETCHT0 256(BP); \
	WIDEAHEAD3

// Expanded tiles at DI, their scales and minima at CX.
#define WIDESCALE(LOOP, EACH) \
LOOP:                          \
	WIDEAHEAD5; \
	EACH(CLEAR, 0);            \
	WIDE32(MULTIPLY, EACH);    \
	VCVTPH2PS (CX), Z26;       \
	EACH(SCALE, 0);            \
	ADDQ $1024, DI;            \
	ADDQ scaleStride+80(FP), CX; \
	NEXT_BLOCK(LOOP, 128)

#define WIDESCALEMIN(LOOP, EACH) \
LOOP:                          \
	WIDEAHEAD3; \
	EACH(CLEAR, 0);            \
	WIDE32(MULTIPLY, EACH);    \
	VCVTPH2PS (CX), Z26;       \
	VCVTPH2PS 32(CX), Z27;     \
	EACH(SCALEMIN, 0);         \
	ADDQ $1024, DI;            \
	ADDQ scaleStride+80(FP), CX; \
	ADDQ $4, BX;               \
	NEXT_BLOCK(LOOP, 128)

#define EXPAND(TILE, BYTES) \
loop:                \
	TILE(STORE, 0);  \
	ADDQ $BYTES, DI; \
	ADDQ $1024, DX;  \
	DECQ CX;         \
	JNZ  loop;       \
	VZEROUPPER;      \
	RET

#define EXPAND_ARGUMENTS \
	MOVQ wide+0(FP), DX;   \
	MOVQ tiles+8(FP), DI;  \
	MOVQ blocks+16(FP), CX

#define ALL_ROWS(FORMAT) \
	CHOOSE_ROWS;          \
	FORMAT(rows6, EACH6); \
	FORMAT(rows5, EACH5); \
	FORMAT(rows4, EACH4); \
	FORMAT(rows3, EACH3); \
	FORMAT(rows2, EACH2); \
	FORMAT(rows1, EACH1)

#define HALF_WORDS \
	MOVL $0xaaaaaaaa, CX; \
	KMOVD CX, K1;         \
	KNOTD K1, K2

// The values of the nibbles 0 to 15 as bf16, twice: VPERMW looks at five bits.
DATA ·bf16Nibbles41+0(SB)/8, $0x404040003f800000
DATA ·bf16Nibbles41+8(SB)/8, $0x40e040c040a04080
DATA ·bf16Nibbles41+16(SB)/8, $0x4130412041104100
DATA ·bf16Nibbles41+24(SB)/8, $0x4170416041504140
DATA ·bf16Nibbles41+32(SB)/8, $0x404040003f800000
DATA ·bf16Nibbles41+40(SB)/8, $0x40e040c040a04080
DATA ·bf16Nibbles41+48(SB)/8, $0x4130412041104100
DATA ·bf16Nibbles41+56(SB)/8, $0x4170416041504140
GLOBL ·bf16Nibbles41(SB), RODATA|NOPTR, $64

// The same less 8.
DATA ·bf16Nibbles40+0(SB)/8, $0xc0a0c0c0c0e0c100
DATA ·bf16Nibbles40+8(SB)/8, $0xbf80c000c040c080
DATA ·bf16Nibbles40+16(SB)/8, $0x404040003f800000
DATA ·bf16Nibbles40+24(SB)/8, $0x40e040c040a04080
DATA ·bf16Nibbles40+32(SB)/8, $0xc0a0c0c0c0e0c100
DATA ·bf16Nibbles40+40(SB)/8, $0xbf80c000c040c080
DATA ·bf16Nibbles40+48(SB)/8, $0x404040003f800000
DATA ·bf16Nibbles40+56(SB)/8, $0x40e040c040a04080
GLOBL ·bf16Nibbles40(SB), RODATA|NOPTR, $64

// func linearQ41Quads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)
TEXT ·linearQ41Quads(SB), NOSPLIT, $0-96
	ARGUMENTS
	VMOVDQU16 ·bf16Nibbles41(SB), Z24
	HALF_WORDS
	FIND_AHEAD
	ALL_ROWS(Q41)

// func linearQ40Quads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)
TEXT ·linearQ40Quads(SB), NOSPLIT, $0-96
	ARGUMENTS
	VMOVDQU16 ·bf16Nibbles40(SB), Z24
	HALF_WORDS
	FIND_AHEAD
	ALL_ROWS(Q40)

// func linearQ8Quads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)
TEXT ·linearQ8Quads(SB), NOSPLIT, $0-96
	ARGUMENTS
	FIND_AHEAD
	ALL_ROWS(Q8)

// func linearBF16Quads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks, rows, ahead, step, keep uintptr)
TEXT ·linearBF16Quads(SB), NOSPLIT, $0-96
	ARGUMENTS
	HALF_WORDS
	FIND_AHEAD
	ALL_ROWS(BF16)

// func linearBF16x2Quads(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later *byte, tiles *byte, blocks, rows uintptr, next *[]byte, offset, keep uintptr)
TEXT ·linearBF16x2Quads(SB), NOSPLIT, $0-96
	HALF_WORDS
	PLANES_ARGUMENTS
	CHOOSE_ROWS
	BF16X2(rows6, EACH6, PAIRS32, NOTHING)
	BF16X2(rows5, EACH5, PAIRS32, NOTHING)
	BF16X2(rows4, EACH4, PAIRS32, NOTHING)
	BF16X2(rows3, EACH3, PAIRS32, NOTHING)
	BF16X2(rows2, EACH2, PAIRS32, NOTHING)
	BF16X2(rows1, EACH1, PAIRS32, NOTHING)

done:
	VZEROUPPER
	RET

// func linearBF16x2SoonQuads(out *float32, stride uintptr, x *byte, xStride uintptr, soon, later *byte, tiles *byte, blocks, rows uintptr, next *[]byte, offset, keep uintptr)
TEXT ·linearBF16x2SoonQuads(SB), NOSPLIT, $0-96
	HALF_WORDS
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

// func linearWideScaleQuads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, rows uintptr, scales *byte, scaleStride, ahead, step, keep uintptr)
TEXT ·linearWideScaleQuads(SB), NOSPLIT, $8-112
	MOVQ wide+48(FP), DI
	ROW_ARGUMENTS
	MOVQ keep+104(FP), CX
	KMOVW CX, K3
	MOVQ scales+72(FP), CX
	MOVQ ahead+88(FP), BP
	ADDQ CX, BP
	CHOOSE_ROWS
	WIDESCALE(rows6, EACH6)
	WIDESCALE(rows5, EACH5)
	WIDESCALE(rows4, EACH4)
	WIDESCALE(rows3, EACH3)
	WIDESCALE(rows2, EACH2)
	WIDESCALE(rows1, EACH1)

// func linearWideScaleMinQuads(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, wide *byte, blocks, rows uintptr, scales *byte, scaleStride, ahead, step, keep uintptr)
TEXT ·linearWideScaleMinQuads(SB), NOSPLIT, $8-112
	MOVQ wide+48(FP), DI
	ROW_ARGUMENTS
	MOVQ keep+104(FP), CX
	KMOVW CX, K3
	MOVQ scales+72(FP), CX
	MOVQ ahead+88(FP), BP
	ADDQ CX, BP
	CHOOSE_ROWS
	WIDESCALEMIN(rows6, EACH6)
	WIDESCALEMIN(rows5, EACH5)
	WIDESCALEMIN(rows4, EACH4)
	WIDESCALEMIN(rows3, EACH3)
	WIDESCALEMIN(rows2, EACH2)
	WIDESCALEMIN(rows1, EACH1)

// func expandQ41Quads(wide, tiles *byte, blocks uintptr)
TEXT ·expandQ41Quads(SB), NOSPLIT, $0-24
	HALF_WORDS
	VMOVDQU16 ·bf16Nibbles41(SB), Z24
	EXPAND_ARGUMENTS
	EXPAND(NIBBLES32, 320)

// func expandQ40Quads(wide, tiles *byte, blocks uintptr)
TEXT ·expandQ40Quads(SB), NOSPLIT, $0-24
	HALF_WORDS
	VMOVDQU16 ·bf16Nibbles40(SB), Z24
	EXPAND_ARGUMENTS
	EXPAND(NIBBLES32, 288)

// func expandQ8Quads(wide, tiles *byte, blocks uintptr)
TEXT ·expandQ8Quads(SB), NOSPLIT, $0-24
	EXPAND_ARGUMENTS
	EXPAND(BYTES32, 544)
