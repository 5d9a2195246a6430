//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// The linear layer on NEON. A vector is four outputs, a quarter of a panel, and
// a register of four x serves four k: multiply-adds take x by element, so that
// nothing is broadcast. They are fused, which changes no bit: products of two
// planes are exact. Scales are not, and are multiplied and added one after the
// other.
//
// There are two kinds of kernel, both going through a panel block by block. That
// of one row keeps all 16 outputs' chains in registers. Those of 2, 4 and 6 rows
// do a block quarter by quarter, so that one widened weight serves all rows while
// the block's x and tile stay in the nearest cache.
//
// Numbers that macros are given are vector registers, lanes or distances in
// bits, as their names say. Tiles are as pack.go draws them.
//
//	R0 to R5    x of row 0 to 5, at the block's hi plane
//	R6, R7      out, and from one row to the next
//	R8, R9      sums, at the block, and from one row to the next
//	R10, R11    tile; its scales
//	R12         blocks to go
//	R13, R14    quarters to go; eights of k to go
//	R15, R19    out and sums of the row whose block ends

#define ARGUMENTS \
	MOVD out+0(FP), R6;        \
	MOVD stride+8(FP), R7;     \
	MOVD x+16(FP), R0;         \
	MOVD xStride+24(FP), R5;   \
	MOVD sums+32(FP), R8;      \
	MOVD sumStride+40(FP), R9; \
	MOVD tiles+48(FP), R10;    \
	MOVD blocks+56(FP), R12;   \
	ADD  R5, R0, R1;           \
	ADD  R5, R1, R2;           \
	ADD  R5, R2, R3;           \
	ADD  R5, R3, R4;           \
	ADD  R5, R4, R5

#define CONSTANT(BITS, V) \
	MOVW BITS, R14; \
	VDUP R14, V

// Index vectors that put a byte of the table on top of each 32-bit lane and
// zeros below it: bytes 0 to 3, then 4 to 7, 8 to 11 and 12 to 15.
DATA tops<>+0(SB)/8, $0x01ffffff00ffffff
DATA tops<>+8(SB)/8, $0x03ffffff02ffffff
DATA tops<>+16(SB)/8, $0x05ffffff04ffffff
DATA tops<>+24(SB)/8, $0x07ffffff06ffffff
DATA tops<>+32(SB)/8, $0x09ffffff08ffffff
DATA tops<>+40(SB)/8, $0x0bffffff0affffff
DATA tops<>+48(SB)/8, $0x0dffffff0cffffff
DATA tops<>+56(SB)/8, $0x0fffffff0effffff
GLOBL tops<>(SB), RODATA|NOPTR, $64

// Several rows, a quarter of the outputs.
//
//	V0 to V5    even k, hi plane, of each row      V6 to V11   odd k, hi plane
//	V12 to V17  even k, lo plane                   V18 to V23  odd k, lo plane
//	V24 to V27  weights of four k                  V28         x of four k
//	V29         the tile's bits                    V30, V31    constants

// ALL2, ALL4 and ALL6 do something for each row: DO gets its pointer to x and
// its four chains.
#define ALL2(DO) \
	DO(R0, 0, 6, 12, 18); \
	DO(R1, 1, 7, 13, 19)

#define ALL4(DO) \
	ALL2(DO);             \
	DO(R2, 2, 8, 14, 20); \
	DO(R3, 3, 9, 15, 21)

#define ALL6(DO) \
	ALL4(DO);              \
	DO(R4, 4, 10, 16, 22); \
	DO(R5, 5, 11, 17, 23)

#define CLEAR(X, HE, HO, LE, LO) \
	VZERO(HE); \
	VZERO(HO); \
	VZERO(LE); \
	VZERO(LO)

// MAC adds the products of four k to a row's chains and goes on to the next.
#define MAC(X, HE, HO, LE, LO) \
	FMOVQ   128(X), F28;   \
	VFMLAE(0, 28, 24, LE); \
	VFMLAE(1, 28, 25, LO); \
	VFMLAE(2, 28, 26, LE); \
	VFMLAE(3, 28, 27, LO); \
	MACHI(X, HE, HO, LE, LO)

// MACHI is the hi plane alone.
#define MACHI(X, HE, HO, LE, LO) \
	FMOVQ.P 16(X), F28;    \
	VFMLAE(0, 28, 24, HE); \
	VFMLAE(1, 28, 25, HO); \
	VFMLAE(2, 28, 26, HE); \
	VFMLAE(3, 28, 27, HO)

#define REWIND(X, HE, HO, LE, LO) \
	SUB $128, X

#define NEXT_X(X, HE, HO, LE, LO) \
	ADD $256, X

// A row's end of block: t = (he + ho) + (le + lo); out += t*d, d in V24.
#define SCALE(X, HE, HO, LE, LO) \
	SCALED(HE, HO, LE, LO); \
	STORE

// The same, then out += m*s, m in V25.
#define SCALEMIN(X, HE, HO, LE, LO) \
	SCALED(HE, HO, LE, LO); \
	FMOVS (R19), F28;       \
	ADD   R9, R19;          \
	VFMULE(0, 28, 25, 27);  \
	VFADD(27, 26, 26);      \
	STORE

#define SCALED(HE, HO, LE, LO) \
	VFADD(HO, HE, HE); \
	VFADD(LO, LE, LE); \
	VFADD(LE, HE, HE); \
	VFMUL(24, HE, HE); \
	FMOVQ (R15), F26;  \
	VFADD(HE, 26, 26)

// Unscaled: out += he + ho; out += le + lo.
#define PLAIN(X, HE, HO, LE, LO) \
	VFADD(HO, HE, HE); \
	VFADD(LO, LE, LE); \
	FMOVQ (R15), F26;  \
	VFADD(HE, 26, 26); \
	VFADD(LE, 26, 26); \
	STORE

// The hi plane alone: out += he + ho.
#define PLAINHI(X, HE, HO, LE, LO) \
	VFADD(HO, HE, HE); \
	FMOVQ (R15), F26;  \
	VFADD(HE, 26, 26); \
	STORE

#define STORE \
	FMOVQ F26, (R15); \
	ADD   R7, R15

// Four weights of 0 to 15. Those of odd k lie A bits below the nibbles at bits
// 24 and 28, those of even k B bits below; V30 and V31 mask these two nibbles.
#define NIBBLES(A, B) \
	VSHL $B, V29.S4, V24.S4;        \
	VSHL $A, V29.S4, V25.S4;        \
	VAND V31.B16, V24.B16, V26.B16; \
	VAND V31.B16, V25.B16, V27.B16; \
	VAND V30.B16, V24.B16, V24.B16; \
	VAND V30.B16, V25.B16, V25.B16; \
	VUCVTF(24, 24, 24);             \
	VUCVTF(24, 25, 25);             \
	VUCVTF(28, 26, 26);             \
	VUCVTF(28, 27, 27)

// Four weights of -8 to 7: each nibble, its highest bit inverted, is brought to
// the top of its lane, where it is signed. V30 masks the top, A to D are how far
// below it the nibbles lie.
#define SIGNED_NIBBLES(A, B, C, D) \
	VSHL $A, V29.S4, V24.S4;        \
	VSHL $B, V29.S4, V25.S4;        \
	VSHL $C, V29.S4, V26.S4;        \
	VSHL $D, V29.S4, V27.S4;        \
	VAND V30.B16, V24.B16, V24.B16; \
	VAND V30.B16, V25.B16, V25.B16; \
	VAND V30.B16, V26.B16, V26.B16; \
	VAND V30.B16, V27.B16, V27.B16; \
	VSCVTF(28, 24, 24);             \
	VSCVTF(28, 25, 25);             \
	VSCVTF(28, 26, 26);             \
	VSCVTF(28, 27, 27)

// Four signed bytes' weights; V30 is the first vector of tops.
#define BYTES \
	FMOVS.P 16(R10), F24;                \
	FMOVS.P 16(R10), F25;                \
	FMOVS.P 16(R10), F26;                \
	FMOVS.P 16(R10), F27;                \
	VTBL    V30.B16, [V24.B16], V24.B16; \
	VTBL    V30.B16, [V25.B16], V25.B16; \
	VTBL    V30.B16, [V26.B16], V26.B16; \
	VTBL    V30.B16, [V27.B16], V27.B16; \
	VSCVTF(24, 24, 24);                  \
	VSCVTF(24, 25, 25);                  \
	VSCVTF(24, 26, 26);                  \
	VSCVTF(24, 27, 27)

// Two pairs of bf16; V30 masks the upper half words.
#define PAIRS \
	FMOVQ.P 64(R10), F25;              \
	FMOVQ.P 64(R10), F27;              \
	VSHL    $16, V25.S4, V24.S4;       \
	VSHL    $16, V27.S4, V26.S4;       \
	VAND    V30.B16, V25.B16, V25.B16; \
	VAND    V30.B16, V27.B16, V27.B16

// Eight k of all rows, by format.
#define EIGHT_Q41(ALL) \
	FMOVQ.P 64(R10), F29; \
	NIBBLES(8, 24);       \
	ALL(MAC);             \
	NIBBLES(0, 16);       \
	ALL(MAC)

#define EIGHT_Q40(ALL) \
	FMOVQ.P 64(R10), F29;              \
	VEOR    V31.B16, V29.B16, V29.B16; \
	SIGNED_NIBBLES(28, 12, 24, 8);     \
	ALL(MAC);                          \
	SIGNED_NIBBLES(20, 4, 16, 0);      \
	ALL(MAC)

#define EIGHT_Q8(ALL) \
	BYTES;    \
	ALL(MAC); \
	BYTES;    \
	ALL(MAC)

#define EIGHT_BF16(ALL) \
	PAIRS;    \
	ALL(MAC); \
	PAIRS;    \
	ALL(MAC)

#define EIGHT_BF16_HI(ALL) \
	PAIRS;      \
	ALL(MACHI); \
	PAIRS;      \
	ALL(MACHI)

#define MASKS_Q41 \
	CONSTANT($0x0f000000, V30.S4); \
	CONSTANT($0xf0000000, V31.S4)

#define MASKS_Q40 \
	CONSTANT($0xf0000000, V30.S4); \
	VMOVI $0x88, V31.B16

#define MASKS_Q8 \
	MOVD  $tops<>(SB), R14; \
	FMOVQ (R14), F30

#define MASKS_BF16 \
	CONSTANT($0xffff0000, V30.S4)

// Scales of a quarter: d to V24, m to V25.
#define SCALES_D \
	FMOVD.P 8(R11), F24; \
	VFCVTL(24, 24)

#define SCALES_DM \
	FMOVD 32(R11), F25; \
	VFCVTL(25, 25);     \
	SCALES_D

#define SCALES_NONE

// The kernel of several rows. A quarter of the tile's weights spans SPAN bytes
// and lies STEP bytes from the next one; the tile has TILE bytes.
#define ROWS(ALL, MASKS, EIGHT, SPAN, STEP, TILE, SCALES, END) \
	ARGUMENTS;                \
	MASKS;                    \
block:                        \
	ADD  $SPAN, R10, R11;     \
	MOVD $4, R13;             \
quarter:                      \
	ALL(CLEAR);               \
	MOVD $4, R14;             \
eight:                        \
	EIGHT(ALL);               \
	SUBS $1, R14;             \
	BNE  eight;               \
	SCALES;                   \
	MOVD R6, R15;             \
	MOVD R8, R19;             \
	ALL(END);                 \
	ALL(REWIND);              \
	ADD  $16, R6;             \
	SUB  $(SPAN-STEP), R10;   \
	SUBS $1, R13;             \
	BNE  quarter;             \
	ALL(NEXT_X);              \
	SUB  $64, R6;             \
	ADD  $4, R8;              \
	ADD  $(TILE-4*STEP), R10; \
	SUBS $1, R12;             \
	BNE  block;               \
	RET

// The same for weights of two planes: hi and lo of x on the first, hi on the
// second.
#define ROWS_BF16X2(ALL) \
	ARGUMENTS;            \
	MASKS_BF16;           \
block:                    \
	MOVD $4, R13;         \
quarter:                  \
	ALL(CLEAR);           \
	MOVD $4, R14;         \
eight:                    \
	EIGHT_BF16(ALL);      \
	SUBS $1, R14;         \
	BNE  eight;           \
	MOVD R6, R15;         \
	ALL(PLAIN);           \
	ALL(REWIND);          \
	ALL(CLEAR);           \
	MOVD $4, R14;         \
second:                   \
	EIGHT_BF16_HI(ALL);   \
	SUBS $1, R14;         \
	BNE  second;          \
	MOVD R6, R15;         \
	ALL(PLAINHI);         \
	ALL(REWIND);          \
	ADD  $16, R6;         \
	SUB  $(2048-16), R10; \
	SUBS $1, R13;         \
	BNE  quarter;         \
	ALL(NEXT_X);          \
	SUB  $64, R6;         \
	ADD  $(2048-64), R10; \
	SUBS $1, R12;         \
	BNE  block;           \
	RET

// One row, all 16 outputs, four vectors each:
//
//	V0 to V3    even k, hi plane      V4 to V7    odd k, hi plane
//	V8 to V11   even k, lo plane      V12 to V15  odd k, lo plane
//	V16 to V19  weights of one k      V20 to V23  the tile's bits
//	V24, V25    x of eight k, hi      V26, V27    lo
//	V28 to V31  constants
//
// Even and odd chains do not meet before the block's end, so the nibbles of odd
// k may go first.

// The first chain of each parity.
#define EVEN_K 0
#define ODD_K 4

#define CLEAR_PANEL \
	VZERO(0);  VZERO(1);  VZERO(2);  VZERO(3);  \
	VZERO(4);  VZERO(5);  VZERO(6);  VZERO(7);  \
	VZERO(8);  VZERO(9);  VZERO(10); VZERO(11); \
	VZERO(12); VZERO(13); VZERO(14); VZERO(15)

#define LOAD_X \
	FMOVQ 128(R0), F26; \
	FMOVQ 144(R0), F27; \
	LOAD_XHI

#define LOAD_XHI \
	FMOVQ.P 16(R0), F24; \
	FMOVQ.P 16(R0), F25

// PMAC adds the products of one k, lane I of XHI and of XHI+2, with the weights
// from register W on, to the chains of its parity.
#define PMAC(I, XHI, W, PARITY) \
	VFMLAE(I, (XHI+2), (W+0), (PARITY+8));  \
	VFMLAE(I, (XHI+2), (W+1), (PARITY+9));  \
	VFMLAE(I, (XHI+2), (W+2), (PARITY+10)); \
	VFMLAE(I, (XHI+2), (W+3), (PARITY+11)); \
	PMACHI(I, XHI, W, PARITY)

#define PMACHI(I, XHI, W, PARITY) \
	VFMLAE(I, XHI, (W+0), (PARITY+0)); \
	VFMLAE(I, XHI, (W+1), (PARITY+1)); \
	VFMLAE(I, XHI, (W+2), (PARITY+2)); \
	VFMLAE(I, XHI, (W+3), (PARITY+3))

#define PLOAD \
	VLD1.P 64(R10), [V20.S4, V21.S4, V22.S4, V23.S4]

// The weights of one k from the nibble at BIT, MASK being its mask.
#define PNIBBLE(BIT, MASK) \
	VAND MASK.B16, V20.B16, V16.B16; \
	VAND MASK.B16, V21.B16, V17.B16; \
	VAND MASK.B16, V22.B16, V18.B16; \
	VAND MASK.B16, V23.B16, V19.B16; \
	VUCVTF(BIT, 16, 16);             \
	VUCVTF(BIT, 17, 17);             \
	VUCVTF(BIT, 18, 18);             \
	VUCVTF(BIT, 19, 19)

// Four k of one parity, whose nibbles are at 16, 20, 24 and 28.
#define PNIBBLES(LANE, PARITY) \
	PNIBBLE(16, V28); PMAC(LANE, 24, 16, PARITY);     \
	PNIBBLE(20, V29); PMAC((LANE+2), 24, 16, PARITY); \
	PNIBBLE(24, V30); PMAC(LANE, 25, 16, PARITY);     \
	PNIBBLE(28, V31); PMAC((LANE+2), 25, 16, PARITY)

#define PEIGHT_Q41 \
	LOAD_X;                   \
	PLOAD;                    \
	PNIBBLES(1, ODD_K);       \
	VSHL $16, V20.S4, V20.S4; \
	VSHL $16, V21.S4, V21.S4; \
	VSHL $16, V22.S4, V22.S4; \
	VSHL $16, V23.S4, V23.S4; \
	PNIBBLES(0, EVEN_K)

// The weights of one k from the nibble that lies BELOW bits below the top, as in
// SIGNED_NIBBLES.
#define PSIGNED(BELOW) \
	VSHL $BELOW, V20.S4, V16.S4;    \
	VSHL $BELOW, V21.S4, V17.S4;    \
	VSHL $BELOW, V22.S4, V18.S4;    \
	VSHL $BELOW, V23.S4, V19.S4;    \
	VAND V30.B16, V16.B16, V16.B16; \
	VAND V30.B16, V17.B16, V17.B16; \
	VAND V30.B16, V18.B16, V18.B16; \
	VAND V30.B16, V19.B16, V19.B16; \
	VSCVTF(28, 16, 16);             \
	VSCVTF(28, 17, 17);             \
	VSCVTF(28, 18, 18);             \
	VSCVTF(28, 19, 19)

#define PEIGHT_Q40 \
	LOAD_X;                               \
	PLOAD;                                \
	VEOR V31.B16, V20.B16, V20.B16;       \
	VEOR V31.B16, V21.B16, V21.B16;       \
	VEOR V31.B16, V22.B16, V22.B16;       \
	VEOR V31.B16, V23.B16, V23.B16;       \
	PSIGNED(28); PMAC(0, 24, 16, EVEN_K); \
	PSIGNED(12); PMAC(1, 24, 16, ODD_K);  \
	PSIGNED(24); PMAC(2, 24, 16, EVEN_K); \
	PSIGNED(8);  PMAC(3, 24, 16, ODD_K);  \
	PSIGNED(20); PMAC(0, 25, 16, EVEN_K); \
	PSIGNED(4);  PMAC(1, 25, 16, ODD_K);  \
	PSIGNED(16); PMAC(2, 25, 16, EVEN_K); \
	PSIGNED(0);  PMAC(3, 25, 16, ODD_K)

#define PBYTES \
	FMOVQ.P 16(R10), F20;                \
	VTBL    V28.B16, [V20.B16], V16.B16; \
	VTBL    V29.B16, [V20.B16], V17.B16; \
	VTBL    V30.B16, [V20.B16], V18.B16; \
	VTBL    V31.B16, [V20.B16], V19.B16; \
	VSCVTF(24, 16, 16);                  \
	VSCVTF(24, 17, 17);                  \
	VSCVTF(24, 18, 18);                  \
	VSCVTF(24, 19, 19)

#define PEIGHT_Q8 \
	LOAD_X;                          \
	PBYTES; PMAC(0, 24, 16, EVEN_K); \
	PBYTES; PMAC(1, 24, 16, ODD_K);  \
	PBYTES; PMAC(2, 24, 16, EVEN_K); \
	PBYTES; PMAC(3, 24, 16, ODD_K);  \
	PBYTES; PMAC(0, 25, 16, EVEN_K); \
	PBYTES; PMAC(1, 25, 16, ODD_K);  \
	PBYTES; PMAC(2, 25, 16, EVEN_K); \
	PBYTES; PMAC(3, 25, 16, ODD_K)

// A pair of bf16 of each output: the even one to V16 to V19, the odd one stays.
#define PPAIR \
	PLOAD;                          \
	VSHL $16, V20.S4, V16.S4;       \
	VSHL $16, V21.S4, V17.S4;       \
	VSHL $16, V22.S4, V18.S4;       \
	VSHL $16, V23.S4, V19.S4;       \
	VAND V28.B16, V20.B16, V20.B16; \
	VAND V28.B16, V21.B16, V21.B16; \
	VAND V28.B16, V22.B16, V22.B16; \
	VAND V28.B16, V23.B16, V23.B16

#define PEIGHT_PAIRS(DO) \
	PPAIR; DO(0, 24, 16, EVEN_K); DO(1, 24, 20, ODD_K); \
	PPAIR; DO(2, 24, 16, EVEN_K); DO(3, 24, 20, ODD_K); \
	PPAIR; DO(0, 25, 16, EVEN_K); DO(1, 25, 20, ODD_K); \
	PPAIR; DO(2, 25, 16, EVEN_K); DO(3, 25, 20, ODD_K)

#define PEIGHT_BF16 \
	LOAD_X; \
	PEIGHT_PAIRS(PMAC)

#define PEIGHT_BF16_HI \
	LOAD_XHI; \
	PEIGHT_PAIRS(PMACHI)

#define PMASKS_Q41 \
	CONSTANT($0x000f0000, V28.S4); \
	CONSTANT($0x00f00000, V29.S4); \
	CONSTANT($0x0f000000, V30.S4); \
	CONSTANT($0xf0000000, V31.S4)

#define PMASKS_Q8 \
	MOVD $tops<>(SB), R14; \
	VLD1 (R14), [V28.B16, V29.B16, V30.B16, V31.B16]

#define PMASKS_BF16 \
	CONSTANT($0xffff0000, V28.S4)

// even + odd of vector V, hi plane and lo plane.
#define PSUM(V) \
	VFADD((4+V), V, V); \
	VFADD((12+V), (8+V), (8+V))

// t = hi + lo, times d in V16 to V19, added to out in V24 to V27.
#define PSCALE(V) \
	PSUM(V);                \
	VFADD((8+V), V, V);     \
	VFCVTL((16+V), (16+V)); \
	VFMUL((16+V), V, V);    \
	VFADD(V, (24+V), (24+V))

// m in V20 to V23, times the block's sum in lane 0 of V16, added to out.
#define PMIN(V) \
	VFCVTL((20+V), (20+V));        \
	VFMULE(0, 16, (20+V), (20+V)); \
	VFADD((20+V), (24+V), (24+V))

#define PPLAIN(V) \
	PSUM(V);                  \
	VFADD(V, (24+V), (24+V)); \
	VFADD((8+V), (24+V), (24+V))

#define PPLAINHI(V) \
	VFADD((4+V), V, V); \
	VFADD(V, (24+V), (24+V))

#define FOUR(DO) \
	DO(0); \
	DO(1); \
	DO(2); \
	DO(3)

#define PEND(DO) \
	VLD1 (R6), [V24.S4, V25.S4, V26.S4, V27.S4]; \
	DO;                                          \
	VST1 [V24.S4, V25.S4, V26.S4, V27.S4], (R6)

#define PSCALES \
	FMOVD 0(R10), F16;  \
	FMOVD 8(R10), F17;  \
	FMOVD 16(R10), F18; \
	FMOVD 24(R10), F19; \
	FOUR(PSCALE)

#define PSCALES_MIN \
	PSCALES;            \
	FMOVD 32(R10), F20; \
	FMOVD 40(R10), F21; \
	FMOVD 48(R10), F22; \
	FMOVD 56(R10), F23; \
	FMOVS (R8), F16;    \
	FOUR(PMIN)

// The kernel of one row. SCALE_BYTES is the size of the tile's scales.
#define PANEL(MASKS, EIGHT, END, SCALE_BYTES) \
	ARGUMENTS;              \
	MASKS;                  \
block:                      \
	CLEAR_PANEL;            \
	MOVD $4, R14;           \
eight:                      \
	EIGHT;                  \
	SUBS $1, R14;           \
	BNE  eight;             \
	PEND(END);              \
	ADD  $128, R0;          \
	ADD  $4, R8;            \
	ADD  $SCALE_BYTES, R10; \
	SUBS $1, R12;           \
	BNE  block;             \
	RET

#define PANEL_BF16X2 \
	ARGUMENTS;            \
	PMASKS_BF16;          \
block:                    \
	CLEAR_PANEL;          \
	MOVD $4, R14;         \
eight:                    \
	PEIGHT_BF16;          \
	SUBS $1, R14;         \
	BNE  eight;           \
	PEND(FOUR(PPLAIN));   \
	SUB  $128, R0;        \
	CLEAR_PANEL;          \
	MOVD $4, R14;         \
second:                   \
	PEIGHT_BF16_HI;       \
	SUBS $1, R14;         \
	BNE  second;          \
	PEND(FOUR(PPLAINHI)); \
	ADD  $128, R0;        \
	SUBS $1, R12;         \
	BNE  block;           \
	RET

// func linearBF16N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16N1(SB), NOSPLIT, $0-64
	PANEL(PMASKS_BF16, PEIGHT_BF16, FOUR(PPLAIN), 0)

// func linearBF16N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16N2(SB), NOSPLIT, $0-64
	ROWS(ALL2, MASKS_BF16, EIGHT_BF16, 1024, 16, 1024, SCALES_NONE, PLAIN)

// func linearBF16N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16N4(SB), NOSPLIT, $0-64
	ROWS(ALL4, MASKS_BF16, EIGHT_BF16, 1024, 16, 1024, SCALES_NONE, PLAIN)

// func linearBF16N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16N6(SB), NOSPLIT, $0-64
	ROWS(ALL6, MASKS_BF16, EIGHT_BF16, 1024, 16, 1024, SCALES_NONE, PLAIN)

// func linearBF16x2N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2N1(SB), NOSPLIT, $0-64
	PANEL_BF16X2

// func linearBF16x2N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2N2(SB), NOSPLIT, $0-64
	ROWS_BF16X2(ALL2)

// func linearBF16x2N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2N4(SB), NOSPLIT, $0-64
	ROWS_BF16X2(ALL4)

// func linearBF16x2N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearBF16x2N6(SB), NOSPLIT, $0-64
	ROWS_BF16X2(ALL6)

// func linearQ8N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ8N1(SB), NOSPLIT, $0-64
	PANEL(PMASKS_Q8, PEIGHT_Q8, PSCALES, 32)

// func linearQ8N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ8N2(SB), NOSPLIT, $0-64
	ROWS(ALL2, MASKS_Q8, EIGHT_Q8, 512, 4, 544, SCALES_D, SCALE)

// func linearQ8N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ8N4(SB), NOSPLIT, $0-64
	ROWS(ALL4, MASKS_Q8, EIGHT_Q8, 512, 4, 544, SCALES_D, SCALE)

// func linearQ8N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ8N6(SB), NOSPLIT, $0-64
	ROWS(ALL6, MASKS_Q8, EIGHT_Q8, 512, 4, 544, SCALES_D, SCALE)

// func linearQ40N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ40N1(SB), NOSPLIT, $0-64
	PANEL(MASKS_Q40, PEIGHT_Q40, PSCALES, 32)

// func linearQ40N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ40N2(SB), NOSPLIT, $0-64
	ROWS(ALL2, MASKS_Q40, EIGHT_Q40, 256, 16, 288, SCALES_D, SCALE)

// func linearQ40N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ40N4(SB), NOSPLIT, $0-64
	ROWS(ALL4, MASKS_Q40, EIGHT_Q40, 256, 16, 288, SCALES_D, SCALE)

// func linearQ40N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ40N6(SB), NOSPLIT, $0-64
	ROWS(ALL6, MASKS_Q40, EIGHT_Q40, 256, 16, 288, SCALES_D, SCALE)

// func linearQ41N1(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ41N1(SB), NOSPLIT, $0-64
	PANEL(PMASKS_Q41, PEIGHT_Q41, PSCALES_MIN, 64)

// func linearQ41N2(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ41N2(SB), NOSPLIT, $0-64
	ROWS(ALL2, MASKS_Q41, EIGHT_Q41, 256, 16, 320, SCALES_DM, SCALEMIN)

// func linearQ41N4(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ41N4(SB), NOSPLIT, $0-64
	ROWS(ALL4, MASKS_Q41, EIGHT_Q41, 256, 16, 320, SCALES_DM, SCALEMIN)

// func linearQ41N6(out *float32, stride uintptr, x *byte, xStride uintptr, sums *float32, sumStride uintptr, tiles *byte, blocks uintptr)
TEXT ·linearQ41N6(SB), NOSPLIT, $0-64
	ROWS(ALL6, MASKS_Q41, EIGHT_Q41, 256, 16, 320, SCALES_DM, SCALEMIN)
