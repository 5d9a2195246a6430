//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// Element-wise kernels and sums on NEON. The 16 lanes of docs/arithmetic.md are
// four vectors. V16 to V29 hold the constants of Exp.

DATA expConstants<>+0(SB)/4, $0xc2ae0000  // expMin
DATA expConstants<>+4(SB)/4, $0x42b00000  // expMax
DATA expConstants<>+8(SB)/4, $0x3fb8aa3b  // expLog2E
DATA expConstants<>+12(SB)/4, $0x4b400000 // expRounder
DATA expConstants<>+16(SB)/4, $0x3f318000 // expLn2Hi
DATA expConstants<>+20(SB)/4, $0xb95e8083 // expLn2Lo
DATA expConstants<>+24(SB)/4, $0x39506967 // expP0
DATA expConstants<>+28(SB)/4, $0x3ab743ce // expP1
DATA expConstants<>+32(SB)/4, $0x3c088908 // expP2
DATA expConstants<>+36(SB)/4, $0x3d2aa9c1 // expP3
DATA expConstants<>+40(SB)/4, $0x3e2aaaaa // expP4
DATA expConstants<>+44(SB)/4, $0x3f000000 // expP5
DATA expConstants<>+48(SB)/4, $0x3f800000 // one
DATA expConstants<>+52(SB)/4, $0x0000007f // the exponent's bias
GLOBL expConstants<>(SB), RODATA|NOPTR, $56

#define EXPMIN 16
#define EXPMAX 17
#define EXPLOG2E 18
#define EXPROUNDER 19
#define EXPLN2HI 20
#define EXPLN2LO 21
#define EXPP0 22
#define EXPP1 23
#define EXPP2 24
#define EXPP3 25
#define EXPP4 26
#define EXPP5 27
#define ONE 28

#define LOAD_EXP_CONSTANTS(R) \
	MOVD    $expConstants<>(SB), R; \
	VLD1R.P 4(R), [V16.S4];         \
	VLD1R.P 4(R), [V17.S4];         \
	VLD1R.P 4(R), [V18.S4];         \
	VLD1R.P 4(R), [V19.S4];         \
	VLD1R.P 4(R), [V20.S4];         \
	VLD1R.P 4(R), [V21.S4];         \
	VLD1R.P 4(R), [V22.S4];         \
	VLD1R.P 4(R), [V23.S4];         \
	VLD1R.P 4(R), [V24.S4];         \
	VLD1R.P 4(R), [V25.S4];         \
	VLD1R.P 4(R), [V26.S4];         \
	VLD1R.P 4(R), [V27.S4];         \
	VLD1R.P 4(R), [V28.S4];         \
	VLD1R   (R), [V29.S4]

// EXP replaces register X by Exp of it. V4 (n), V5 (p) and V6 (r) are scratch.
#define EXP(X) \
	VFMAX(EXPMIN, X, X);          \
	VFMIN(EXPMAX, X, X);          \
	VFMUL(EXPLOG2E, X, 4);        \
	VFADD(EXPROUNDER, 4, 4);      \
	VFSUB(EXPROUNDER, 4, 4);      \
	VFMUL(EXPLN2HI, 4, 5);        \
	VFSUB(5, X, 6);               \
	VFMUL(EXPLN2LO, 4, 5);        \
	VFSUB(5, 6, 6);               \
	VFMUL(EXPP0, 6, 5);           \
	VFADD(EXPP1, 5, 5);           \
	VFMUL(6, 5, 5);               \
	VFADD(EXPP2, 5, 5);           \
	VFMUL(6, 5, 5);               \
	VFADD(EXPP3, 5, 5);           \
	VFMUL(6, 5, 5);               \
	VFADD(EXPP4, 5, 5);           \
	VFMUL(6, 5, 5);               \
	VFADD(EXPP5, 5, 5);           \
	VFMUL(6, 6, X);               \
	VFMUL(X, 5, 5);               \
	VFADD(6, 5, 5);               \
	VFADD(ONE, 5, 5);             \
	VFCVTNS(4, 4);                \
	VADD V29.S4, V4.S4, V4.S4;    \
	VSHL $23, V4.S4, V4.S4;       \
	VFMUL(4, 5, X)

// func maxNEON(x *float32, n uintptr) float32
// n is a multiple of 16, at least 16.
TEXT ·maxNEON(SB), NOSPLIT, $0-20
	MOVD x+0(FP), R0
	MOVD n+8(FP), R1
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]

maxLoop:
	VLD1.P 64(R0), [V4.S4, V5.S4, V6.S4, V7.S4]
	VFMAX(4, 0, 0)
	VFMAX(5, 1, 1)
	VFMAX(6, 2, 2)
	VFMAX(7, 3, 3)
	SUBS   $16, R1
	BNE    maxLoop
	VFMAX(1, 0, 0)
	VFMAX(3, 2, 2)
	VFMAX(2, 0, 0)
	VFMAXV(0, 0)
	FMOVS  F0, ret+16(FP)
	RET

// func finiteNEON(x *float32, n uintptr) bool
// n is a multiple of 16, at least 16. Lanes whose exponent is all ones are
// collected in V5.
TEXT ·finiteNEON(SB), NOSPLIT, $0-17
	MOVD x+0(FP), R0
	MOVD n+8(FP), R1
	MOVW $0x7f800000, R2
	VDUP R2, V4.S4
	VMOVI $0, V5.B16

finiteLoop:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VAND   V4.B16, V0.B16, V0.B16
	VAND   V4.B16, V1.B16, V1.B16
	VAND   V4.B16, V2.B16, V2.B16
	VAND   V4.B16, V3.B16, V3.B16
	VCMEQ  V4.S4, V0.S4, V0.S4
	VCMEQ  V4.S4, V1.S4, V1.S4
	VCMEQ  V4.S4, V2.S4, V2.S4
	VCMEQ  V4.S4, V3.S4, V3.S4
	VORR   V0.B16, V1.B16, V1.B16
	VORR   V2.B16, V3.B16, V3.B16
	VORR   V1.B16, V5.B16, V5.B16
	VORR   V3.B16, V5.B16, V5.B16
	SUBS   $16, R1
	BNE    finiteLoop
	VMOV   V5.D[0], R2
	VMOV   V5.D[1], R3
	ORR    R2, R3, R3
	CMP    $0, R3
	CSET   EQ, R3
	MOVB   R3, ret+16(FP)
	RET

// WEIGHT replaces register X by Exp((X - max)*invT).
#define WEIGHT(X) \
	VFSUB(30, X, X); \
	VFMUL(31, X, X); \
	EXP(X)

// func expSumNEON(lanes *[16]float32, weights, x *float32, n uintptr, max, invT float32)
// n is a multiple of 16, at least 16. weights may be nil.
TEXT ·expSumNEON(SB), NOSPLIT, $0-40
	MOVD  lanes+0(FP), R0
	MOVD  weights+8(FP), R1
	MOVD  x+16(FP), R2
	MOVD  n+24(FP), R3
	FMOVS max+32(FP), F30
	FMOVS invT+36(FP), F31
	VDUP  V30.S[0], V30.S4
	VDUP  V31.S[0], V31.S4
	LOAD_EXP_CONSTANTS(R4)
	VLD1  (R0), [V8.S4, V9.S4, V10.S4, V11.S4]

sumLoop:
	VLD1.P 64(R2), [V0.S4, V1.S4, V2.S4, V3.S4]
	WEIGHT(0)
	WEIGHT(1)
	WEIGHT(2)
	WEIGHT(3)
	VFADD(0, 8, 8)
	VFADD(1, 9, 9)
	VFADD(2, 10, 10)
	VFADD(3, 11, 11)
	CBZ    R1, noWeights
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R1)

noWeights:
	SUBS $16, R3
	BNE  sumLoop
	VST1 [V8.S4, V9.S4, V10.S4, V11.S4], (R0)
	RET

// GATE replaces register G by (G / (1 + Exp(-G))) * register U. V0 is scratch.
#define GATE(G, U) \
	VFNEG(G, 0);      \
	EXP(0);           \
	VFADD(ONE, 0, 0); \
	VFDIV(0, G, G);   \
	VFMUL(U, G, G)

// func siluMulNEON(dst, gate, up *float32, n uintptr)
// n is a multiple of 16, at least 16.
TEXT ·siluMulNEON(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD gate+8(FP), R1
	MOVD up+16(FP), R2
	MOVD n+24(FP), R3
	LOAD_EXP_CONSTANTS(R4)

siluLoop:
	VLD1.P 64(R1), [V8.S4, V9.S4, V10.S4, V11.S4]
	VLD1.P 64(R2), [V12.S4, V13.S4, V14.S4, V15.S4]
	GATE(8, 12)
	GATE(9, 13)
	GATE(10, 14)
	GATE(11, 15)
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R0)
	SUBS   $16, R3
	BNE    siluLoop
	RET

// func squareSumNEON(lanes *[16]float32, x *float32, n uintptr)
// n is a multiple of 16, at least 16.
TEXT ·squareSumNEON(SB), NOSPLIT, $0-24
	MOVD lanes+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R2
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]

squareLoop:
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	VFMUL(4, 4, 4)
	VFMUL(5, 5, 5)
	VFMUL(6, 6, 6)
	VFMUL(7, 7, 7)
	VFADD(4, 0, 0)
	VFADD(5, 1, 1)
	VFADD(6, 2, 2)
	VFADD(7, 3, 3)
	SUBS   $16, R2
	BNE    squareLoop
	VST1   [V0.S4, V1.S4, V2.S4, V3.S4], (R0)
	RET

// func scaleByNEON(dst, x, w *float32, n uintptr, inv float32)
// n is a multiple of 16, at least 16.
TEXT ·scaleByNEON(SB), NOSPLIT, $0-36
	MOVD  dst+0(FP), R0
	MOVD  x+8(FP), R1
	MOVD  w+16(FP), R2
	MOVD  n+24(FP), R3
	FMOVS inv+32(FP), F16

scaleLoop:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R2), [V4.S4, V5.S4, V6.S4, V7.S4]
	VFMULE(0, 16, 0, 0)
	VFMULE(0, 16, 1, 1)
	VFMULE(0, 16, 2, 2)
	VFMULE(0, 16, 3, 3)
	VFMUL(4, 0, 0)
	VFMUL(5, 1, 1)
	VFMUL(6, 2, 2)
	VFMUL(7, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUBS   $16, R3
	BNE    scaleLoop
	RET

// TO_BF16 sets register V16 to toBF16 (bf16.go) of X; V17 is scratch. First
// X + 0x7fff + (X>>16 & 1), but X itself where it is NaN or infinite; then the
// upper half, and 0 where the magnitude, doubled so as to lose its sign, is
// below that of flushBelow.
#define TO_BF16(X) \
	VUSHR $16, X.S4, V16.S4;           \
	VAND  V27.B16, V16.B16, V16.B16;   \
	VADD  V28.S4, V16.S4, V16.S4;      \
	VADD  X.S4, V16.S4, V16.S4;        \
	VAND  V29.B16, X.B16, V17.B16;     \
	VCMEQ V29.S4, V17.S4, V17.S4;      \
	VBIT  V17.B16, X.B16, V16.B16;     \
	VAND  V30.B16, V16.B16, V16.B16;   \
	VSHL  $1, V16.S4, V17.S4;          \
	VCMHS(31, 17, 17);                 \
	VAND  V17.B16, V16.B16, V16.B16

// SPLIT writes both planes of register X, whose number is N, at AT of the block
// and leaves X as it is.
#define SPLIT(X, N, AT) \
	TO_BF16(X);             \
	FMOVQ F16, AT(R0);      \
	VFSUB(16, N, 18);       \
	TO_BF16(V18);           \
	FMOVQ F16, (AT+128)(R0)

// func splitNEON(data *byte, sums, x *float32, blocks uintptr)
TEXT ·splitNEON(SB), NOSPLIT, $0-32
	MOVD data+0(FP), R0
	MOVD sums+8(FP), R1
	MOVD x+16(FP), R2
	MOVD blocks+24(FP), R3
	MOVW $1, R4
	VDUP R4, V27.S4
	MOVW $0x7fff, R4
	VDUP R4, V28.S4
	MOVW $0x7f800000, R4 // the exponent
	VDUP R4, V29.S4
	MOVW $0xffff0000, R4 // the upper half
	VDUP R4, V30.S4
	MOVW $0x47000000, R4 // twice flushBits
	VDUP R4, V31.S4

splitLoop:
	VLD1.P 64(R2), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R2), [V4.S4, V5.S4, V6.S4, V7.S4]
	SPLIT(V0, 0, 0)
	SPLIT(V1, 1, 16)
	SPLIT(V2, 2, 32)
	SPLIT(V3, 3, 48)
	SPLIT(V4, 4, 64)
	SPLIT(V5, 5, 80)
	SPLIT(V6, 6, 96)
	SPLIT(V7, 7, 112)
	VFADD(4, 0, 0)              // the block's sum: 32 to 16,
	VFADD(5, 1, 1)
	VFADD(6, 2, 2)
	VFADD(7, 3, 3)
	VFADD(2, 0, 0)              // to 8,
	VFADD(3, 1, 1)
	VFADD(1, 0, 0)              // to 4,
	VEXT   $8, V0.B16, V0.B16, V1.B16
	VFADD(1, 0, 0)              // to 2,
	VEXT   $4, V0.B16, V0.B16, V1.B16
	VFADD(1, 0, 0)              // to 1
	FMOVS.P F0, 4(R1)
	ADD    $256, R0
	SUBS   $1, R3
	BNE    splitLoop
	RET
