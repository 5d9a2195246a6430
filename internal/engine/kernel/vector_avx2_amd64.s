//go:build !purego

#include "textflag.h"

// Element-wise kernels and sums on AVX2: vector_avx512_amd64.s with a vector of
// 16 lanes in two halves, and the constants in memory, since the registers do
// not hold them.

DATA wide<>+0(SB)/8, $0xc2ae0000c2ae0000 // expMin
DATA wide<>+8(SB)/8, $0xc2ae0000c2ae0000
DATA wide<>+16(SB)/8, $0xc2ae0000c2ae0000
DATA wide<>+24(SB)/8, $0xc2ae0000c2ae0000
DATA wide<>+32(SB)/8, $0x42b0000042b00000 // expMax
DATA wide<>+40(SB)/8, $0x42b0000042b00000
DATA wide<>+48(SB)/8, $0x42b0000042b00000
DATA wide<>+56(SB)/8, $0x42b0000042b00000
DATA wide<>+64(SB)/8, $0x3fb8aa3b3fb8aa3b // expLog2E
DATA wide<>+72(SB)/8, $0x3fb8aa3b3fb8aa3b
DATA wide<>+80(SB)/8, $0x3fb8aa3b3fb8aa3b
DATA wide<>+88(SB)/8, $0x3fb8aa3b3fb8aa3b
DATA wide<>+96(SB)/8, $0x4b4000004b400000 // expRounder
DATA wide<>+104(SB)/8, $0x4b4000004b400000
DATA wide<>+112(SB)/8, $0x4b4000004b400000
DATA wide<>+120(SB)/8, $0x4b4000004b400000
DATA wide<>+128(SB)/8, $0x3f3180003f318000 // expLn2Hi
DATA wide<>+136(SB)/8, $0x3f3180003f318000
DATA wide<>+144(SB)/8, $0x3f3180003f318000
DATA wide<>+152(SB)/8, $0x3f3180003f318000
DATA wide<>+160(SB)/8, $0xb95e8083b95e8083 // expLn2Lo
DATA wide<>+168(SB)/8, $0xb95e8083b95e8083
DATA wide<>+176(SB)/8, $0xb95e8083b95e8083
DATA wide<>+184(SB)/8, $0xb95e8083b95e8083
DATA wide<>+192(SB)/8, $0x3950696739506967 // expP0
DATA wide<>+200(SB)/8, $0x3950696739506967
DATA wide<>+208(SB)/8, $0x3950696739506967
DATA wide<>+216(SB)/8, $0x3950696739506967
DATA wide<>+224(SB)/8, $0x3ab743ce3ab743ce // expP1
DATA wide<>+232(SB)/8, $0x3ab743ce3ab743ce
DATA wide<>+240(SB)/8, $0x3ab743ce3ab743ce
DATA wide<>+248(SB)/8, $0x3ab743ce3ab743ce
DATA wide<>+256(SB)/8, $0x3c0889083c088908 // expP2
DATA wide<>+264(SB)/8, $0x3c0889083c088908
DATA wide<>+272(SB)/8, $0x3c0889083c088908
DATA wide<>+280(SB)/8, $0x3c0889083c088908
DATA wide<>+288(SB)/8, $0x3d2aa9c13d2aa9c1 // expP3
DATA wide<>+296(SB)/8, $0x3d2aa9c13d2aa9c1
DATA wide<>+304(SB)/8, $0x3d2aa9c13d2aa9c1
DATA wide<>+312(SB)/8, $0x3d2aa9c13d2aa9c1
DATA wide<>+320(SB)/8, $0x3e2aaaaa3e2aaaaa // expP4
DATA wide<>+328(SB)/8, $0x3e2aaaaa3e2aaaaa
DATA wide<>+336(SB)/8, $0x3e2aaaaa3e2aaaaa
DATA wide<>+344(SB)/8, $0x3e2aaaaa3e2aaaaa
DATA wide<>+352(SB)/8, $0x3f0000003f000000 // expP5
DATA wide<>+360(SB)/8, $0x3f0000003f000000
DATA wide<>+368(SB)/8, $0x3f0000003f000000
DATA wide<>+376(SB)/8, $0x3f0000003f000000
DATA wide<>+384(SB)/8, $0x3f8000003f800000 // one
DATA wide<>+392(SB)/8, $0x3f8000003f800000
DATA wide<>+400(SB)/8, $0x3f8000003f800000
DATA wide<>+408(SB)/8, $0x3f8000003f800000
DATA wide<>+416(SB)/8, $0x0000007f0000007f // bias
DATA wide<>+424(SB)/8, $0x0000007f0000007f
DATA wide<>+432(SB)/8, $0x0000007f0000007f
DATA wide<>+440(SB)/8, $0x0000007f0000007f
DATA wide<>+448(SB)/8, $0x8000000080000000 // sign
DATA wide<>+456(SB)/8, $0x8000000080000000
DATA wide<>+464(SB)/8, $0x8000000080000000
DATA wide<>+472(SB)/8, $0x8000000080000000
DATA wide<>+480(SB)/8, $0x0000000100000001 // intOne
DATA wide<>+488(SB)/8, $0x0000000100000001
DATA wide<>+496(SB)/8, $0x0000000100000001
DATA wide<>+504(SB)/8, $0x0000000100000001
DATA wide<>+512(SB)/8, $0x00007fff00007fff // halfDown
DATA wide<>+520(SB)/8, $0x00007fff00007fff
DATA wide<>+528(SB)/8, $0x00007fff00007fff
DATA wide<>+536(SB)/8, $0x00007fff00007fff
DATA wide<>+544(SB)/8, $0x7f8000007f800000 // exponent
DATA wide<>+552(SB)/8, $0x7f8000007f800000
DATA wide<>+560(SB)/8, $0x7f8000007f800000
DATA wide<>+568(SB)/8, $0x7f8000007f800000
DATA wide<>+576(SB)/8, $0xffff0000ffff0000 // upper
DATA wide<>+584(SB)/8, $0xffff0000ffff0000
DATA wide<>+592(SB)/8, $0xffff0000ffff0000
DATA wide<>+600(SB)/8, $0xffff0000ffff0000
DATA wide<>+608(SB)/8, $0x7fffffff7fffffff // magnitude
DATA wide<>+616(SB)/8, $0x7fffffff7fffffff
DATA wide<>+624(SB)/8, $0x7fffffff7fffffff
DATA wide<>+632(SB)/8, $0x7fffffff7fffffff
DATA wide<>+640(SB)/8, $0x2380000023800000 // flush
DATA wide<>+648(SB)/8, $0x2380000023800000
DATA wide<>+656(SB)/8, $0x2380000023800000
DATA wide<>+664(SB)/8, $0x2380000023800000
GLOBL wide<>(SB), RODATA|NOPTR, $672

#define EXPMIN wide<>+0(SB)
#define EXPMAX wide<>+32(SB)
#define EXPLOG2E wide<>+64(SB)
#define EXPROUNDER wide<>+96(SB)
#define EXPLN2HI wide<>+128(SB)
#define EXPLN2LO wide<>+160(SB)
#define EXPP0 wide<>+192(SB)
#define EXPP1 wide<>+224(SB)
#define EXPP2 wide<>+256(SB)
#define EXPP3 wide<>+288(SB)
#define EXPP4 wide<>+320(SB)
#define EXPP5 wide<>+352(SB)
#define ONE wide<>+384(SB)
#define BIAS wide<>+416(SB)
#define SIGN wide<>+448(SB)
#define INTONE wide<>+480(SB)
#define HALFDOWN wide<>+512(SB)
#define EXPONENT wide<>+544(SB)
#define UPPER wide<>+576(SB)
#define MAGNITUDE wide<>+608(SB)
#define FLUSH wide<>+640(SB)

// EXP replaces X by Exp of it; N, P and R are scratch. The constant comes first
// where it is compared, so that NaN passes through.
#define EXP(X, N, P, R) \
	VMOVUPS   EXPMIN, N;      \
	VMAXPS    X, N, X;        \
	VMOVUPS   EXPMAX, N;      \
	VMINPS    X, N, X;        \
	VMULPS    EXPLOG2E, X, N; \
	VADDPS    EXPROUNDER, N, N; \
	VSUBPS    EXPROUNDER, N, N; \
	VMULPS    EXPLN2HI, N, P; \
	VSUBPS    P, X, R;        \
	VMULPS    EXPLN2LO, N, P; \
	VSUBPS    P, R, R;        \
	VMULPS    EXPP0, R, P;    \
	VADDPS    EXPP1, P, P;    \
	VMULPS    R, P, P;        \
	VADDPS    EXPP2, P, P;    \
	VMULPS    R, P, P;        \
	VADDPS    EXPP3, P, P;    \
	VMULPS    R, P, P;        \
	VADDPS    EXPP4, P, P;    \
	VMULPS    R, P, P;        \
	VADDPS    EXPP5, P, P;    \
	VMULPS    R, R, X;        \
	VMULPS    X, P, P;        \
	VADDPS    R, P, P;        \
	VADDPS    ONE, P, P;      \
	VCVTPS2DQ N, N;           \
	VPADDD    BIAS, N, N;     \
	VPSLLD    $23, N, N;      \
	VMULPS    N, P, X

// EXP4 is EXP of four vectors, X in Y0 to Y3, one operation after the other: a vector
// alone waits for itself, and the processor's queues are too short to find the next.
// N is in Y4 to Y7, P in Y8 to Y11; Y12 to Y15 hold constants and, for a moment, R*R.
// Here are one operation for four vectors each. As in EXP the constant comes first where
// it is compared.
#define X_WITH(OP, C) \
	OP Y0, C, Y0; \
	OP Y1, C, Y1; \
	OP Y2, C, Y2; \
	OP Y3, C, Y3

#define X_LESS_P \
	VSUBPS Y8, Y0, Y0; \
	VSUBPS Y9, Y1, Y1; \
	VSUBPS Y10, Y2, Y2; \
	VSUBPS Y11, Y3, Y3

#define N_OF_X(OP, C) \
	OP C, Y0, Y4; \
	OP C, Y1, Y5; \
	OP C, Y2, Y6; \
	OP C, Y3, Y7

#define N_WITH(OP, C) \
	OP C, Y4, Y4; \
	OP C, Y5, Y5; \
	OP C, Y6, Y6; \
	OP C, Y7, Y7

#define N_TO_INTEGER \
	VCVTPS2DQ Y4, Y4; \
	VCVTPS2DQ Y5, Y5; \
	VCVTPS2DQ Y6, Y6; \
	VCVTPS2DQ Y7, Y7

#define P_OF_N(OP, C) \
	OP C, Y4, Y8; \
	OP C, Y5, Y9; \
	OP C, Y6, Y10; \
	OP C, Y7, Y11

#define P_OF_X(OP, C) \
	OP C, Y0, Y8; \
	OP C, Y1, Y9; \
	OP C, Y2, Y10; \
	OP C, Y3, Y11

#define P_WITH(OP, C) \
	OP C, Y8, Y8; \
	OP C, Y9, Y9; \
	OP C, Y10, Y10; \
	OP C, Y11, Y11

#define P_WITH_X(OP) \
	OP Y0, Y8, Y8; \
	OP Y1, Y9, Y9; \
	OP Y2, Y10, Y10; \
	OP Y3, Y11, Y11

#define P_TIMES_SQUARE \
	VMULPS Y12, Y8, Y8; \
	VMULPS Y13, Y9, Y9; \
	VMULPS Y14, Y10, Y10; \
	VMULPS Y15, Y11, Y11

#define SQUARE \
	VMULPS Y0, Y0, Y12; \
	VMULPS Y1, Y1, Y13; \
	VMULPS Y2, Y2, Y14; \
	VMULPS Y3, Y3, Y15

#define X_OF_P_N \
	VMULPS Y4, Y8, Y0; \
	VMULPS Y5, Y9, Y1; \
	VMULPS Y6, Y10, Y2; \
	VMULPS Y7, Y11, Y3

#define EXP4 \
	VMOVUPS EXPMIN, Y12;     \
	VMOVUPS EXPMAX, Y13;     \
	VMOVUPS EXPLOG2E, Y14;   \
	VMOVUPS EXPROUNDER, Y15; \
	X_WITH(VMAXPS, Y12);     \
	X_WITH(VMINPS, Y13);     \
	N_OF_X(VMULPS, Y14);     \
	N_WITH(VADDPS, Y15);     \
	N_WITH(VSUBPS, Y15);     \
	VMOVUPS EXPLN2HI, Y12;   \
	VMOVUPS EXPLN2LO, Y13;   \
	VMOVUPS EXPP0, Y14;      \
	VMOVUPS EXPP1, Y15;      \
	P_OF_N(VMULPS, Y12);     \
	X_LESS_P;                \
	P_OF_N(VMULPS, Y13);     \
	X_LESS_P;                \
	P_OF_X(VMULPS, Y14);     \
	P_WITH(VADDPS, Y15);     \
	VMOVUPS EXPP2, Y12;      \
	VMOVUPS EXPP3, Y13;      \
	VMOVUPS EXPP4, Y14;      \
	VMOVUPS EXPP5, Y15;      \
	P_WITH_X(VMULPS);        \
	P_WITH(VADDPS, Y12);     \
	P_WITH_X(VMULPS);        \
	P_WITH(VADDPS, Y13);     \
	P_WITH_X(VMULPS);        \
	P_WITH(VADDPS, Y14);     \
	P_WITH_X(VMULPS);        \
	P_WITH(VADDPS, Y15);     \
	SQUARE;                  \
	P_TIMES_SQUARE;          \
	P_WITH_X(VADDPS);        \
	VMOVUPS ONE, Y12;        \
	VMOVUPS BIAS, Y13;       \
	P_WITH(VADDPS, Y12);     \
	N_TO_INTEGER;            \
	N_WITH(VPADDD, Y13);     \
	N_WITH(VPSLLD, $23);     \
	X_OF_P_N

// FOLD8 adds the 8 lanes of Y in halves, into lane 0; X is its lower half, TX
// scratch.
#define FOLD8(Y, X, TX) \
	VEXTRACTF128 $1, Y, TX;      \
	VADDPS       TX, X, X;       \
	VPERMILPS    $0x4e, X, TX;   \
	VADDPS       TX, X, X;       \
	VPERMILPS    $0xb1, X, TX;   \
	VADDPS       TX, X, X

// func maxAVX2(x *float32, n uintptr) float32
// n is a multiple of 16, at least 16.
TEXT ·maxAVX2(SB), NOSPLIT, $0-20
	MOVQ    x+0(FP), SI
	MOVQ    n+8(FP), CX
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1

maxLoop:
	VMAXPS (SI), Y0, Y0
	VMAXPS 32(SI), Y1, Y1
	ADDQ   $64, SI
	SUBQ   $16, CX
	JNZ    maxLoop
	VMAXPS       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS       X1, X0, X0
	VPERMILPS    $0x4e, X0, X1
	VMAXPS       X1, X0, X0
	VPERMILPS    $0xb1, X0, X1
	VMAXPS       X1, X0, X0
	VMOVSS       X0, ret+16(FP)
	VZEROUPPER
	RET

// func finiteAVX2(x *float32, n uintptr) bool
// n is a multiple of 16, at least 16. Lanes whose exponent is all ones are
// collected in Y2.
TEXT ·finiteAVX2(SB), NOSPLIT, $0-17
	MOVQ    x+0(FP), SI
	MOVQ    n+8(FP), CX
	VMOVUPS EXPONENT, Y3
	VXORPS  Y2, Y2, Y2

finiteLoop:
	VPAND    (SI), Y3, Y0
	VPAND    32(SI), Y3, Y1
	VPCMPEQD Y3, Y0, Y0
	VPCMPEQD Y3, Y1, Y1
	VPOR     Y0, Y2, Y2
	VPOR     Y1, Y2, Y2
	ADDQ     $64, SI
	SUBQ     $16, CX
	JNZ      finiteLoop
	VPTEST   Y2, Y2
	SETEQ    ret+16(FP)
	VZEROUPPER
	RET

// EXPONENT_OF is (x - max)*invT.
#define EXPONENT_OF(AT, Y) \
	VMOVUPS AT(SI), Y;       \
	VSUBPS  (R8), Y, Y;      \
	VMULPS  32(R8), Y, Y

// func expSumAVX2(lanes *[16]float32, weights, x *float32, n uintptr, max, invT float32)
// n is a multiple of 16, at least 16. weights may be nil. max and invT are kept in
// memory, eight times each.
TEXT ·expSumAVX2(SB), NOSPLIT, $96-40
	MOVQ         lanes+0(FP), DX
	MOVQ         weights+8(FP), DI
	MOVQ         x+16(FP), SI
	MOVQ         n+24(FP), CX
	LEAQ         31(SP), R8
	ANDQ         $~31, R8
	VBROADCASTSS max+32(FP), Y8
	VBROADCASTSS invT+36(FP), Y9
	VMOVUPS      Y8, (R8)
	VMOVUPS      Y9, 32(R8)
	SUBQ         $32, CX
	JB           lastWeights

sumLoop:
	EXPONENT_OF(0, Y0)
	EXPONENT_OF(32, Y1)
	EXPONENT_OF(64, Y2)
	EXPONENT_OF(96, Y3)
	EXP4
	VADDPS  (DX), Y0, Y4
	VADDPS  Y2, Y4, Y4
	VMOVUPS Y4, (DX)
	VADDPS  32(DX), Y1, Y5
	VADDPS  Y3, Y5, Y5
	VMOVUPS Y5, 32(DX)
	TESTQ   DI, DI
	JZ      noWeights
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	ADDQ    $128, DI

noWeights:
	ADDQ $128, SI
	SUBQ $32, CX
	JAE  sumLoop

lastWeights:
	ADDQ    $32, CX
	JZ      sumDone
	EXPONENT_OF(0, Y0)
	EXPONENT_OF(32, Y4)
	EXP(Y0, Y1, Y2, Y3)
	EXP(Y4, Y5, Y6, Y7)
	VADDPS  (DX), Y0, Y1
	VMOVUPS Y1, (DX)
	VADDPS  32(DX), Y4, Y5
	VMOVUPS Y5, 32(DX)
	TESTQ   DI, DI
	JZ      sumDone
	VMOVUPS Y0, (DI)
	VMOVUPS Y4, 32(DI)

sumDone:
	VZEROUPPER
	RET

#define NEGATED(AT, Y) \
	VMOVUPS AT(SI), Y; \
	VXORPS  SIGN, Y, Y

// GATED is gate/(1 + E) times up; E is exp of the negated gate.
#define GATED(AT, E, T) \
	VADDPS  ONE, E, E;     \
	VMOVUPS AT(SI), T;     \
	VDIVPS  E, T, T;       \
	VMULPS  AT(DI), T, T;  \
	VMOVUPS T, AT(DX)

// func siluMulAVX2(dst, gate, up *float32, n uintptr)
// n is a multiple of 16, at least 16.
TEXT ·siluMulAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DX
	MOVQ gate+8(FP), SI
	MOVQ up+16(FP), DI
	MOVQ n+24(FP), CX
	SUBQ $32, CX
	JB   lastGates

siluLoop:
	NEGATED(0, Y0)
	NEGATED(32, Y1)
	NEGATED(64, Y2)
	NEGATED(96, Y3)
	EXP4
	GATED(0, Y0, Y4)
	GATED(32, Y1, Y5)
	GATED(64, Y2, Y6)
	GATED(96, Y3, Y7)
	ADDQ $128, SI
	ADDQ $128, DI
	ADDQ $128, DX
	SUBQ $32, CX
	JAE  siluLoop

lastGates:
	ADDQ $32, CX
	JZ   siluDone
	NEGATED(0, Y0)
	NEGATED(32, Y4)
	EXP(Y0, Y1, Y2, Y3)
	EXP(Y4, Y5, Y6, Y7)
	GATED(0, Y0, Y1)
	GATED(32, Y4, Y5)

siluDone:
	VZEROUPPER
	RET

// func squareSumAVX2(lanes *[16]float32, x *float32, n uintptr)
// n is a multiple of 16, at least 16.
TEXT ·squareSumAVX2(SB), NOSPLIT, $0-24
	MOVQ    lanes+0(FP), DX
	MOVQ    x+8(FP), SI
	MOVQ    n+16(FP), CX
	VMOVUPS (DX), Y0
	VMOVUPS 32(DX), Y1

squareLoop:
	VMOVUPS (SI), Y2
	VMOVUPS 32(SI), Y3
	VMULPS  Y2, Y2, Y2
	VMULPS  Y3, Y3, Y3
	VADDPS  Y2, Y0, Y0
	VADDPS  Y3, Y1, Y1
	ADDQ    $64, SI
	SUBQ    $16, CX
	JNZ     squareLoop
	VMOVUPS Y0, (DX)
	VMOVUPS Y1, 32(DX)
	VZEROUPPER
	RET

// func scaleByAVX2(dst, x, w *float32, n uintptr, inv float32)
// n is a multiple of 16, at least 16.
TEXT ·scaleByAVX2(SB), NOSPLIT, $0-36
	MOVQ         dst+0(FP), DX
	MOVQ         x+8(FP), SI
	MOVQ         w+16(FP), DI
	MOVQ         n+24(FP), CX
	VBROADCASTSS inv+32(FP), Y2

scaleLoop:
	VMULPS  (SI), Y2, Y0
	VMULPS  32(SI), Y2, Y1
	VMULPS  (DI), Y0, Y0
	VMULPS  32(DI), Y1, Y1
	VMOVUPS Y0, (DX)
	VMOVUPS Y1, 32(DX)
	ADDQ    $64, SI
	ADDQ    $64, DI
	ADDQ    $64, DX
	SUBQ    $16, CX
	JNZ     scaleLoop
	VZEROUPPER
	RET

// TO_BF16 sets OUT to toBF16 (bf16.go) of X; T is scratch. First
// x + 0x7fff + (x>>16 & 1), but x itself where it is NaN or infinite; then the
// upper half, and 0 where the magnitude is below flushBelow.
#define TO_BF16(X, OUT, T) \
	VPSRLD    $16, X, OUT;            \
	VPAND     INTONE, OUT, OUT;       \
	VPADDD    HALFDOWN, OUT, OUT;     \
	VPADDD    X, OUT, OUT;            \
	VPAND     EXPONENT, X, T;         \
	VPCMPEQD  EXPONENT, T, T;         \
	VBLENDVPS T, X, OUT, OUT;         \
	VPAND     UPPER, OUT, OUT;        \
	VPAND     MAGNITUDE, OUT, T;      \
	VPSUBD    FLUSH, T, T;            \
	VPSRAD    $31, T, T;              \
	VPANDN    OUT, T, OUT

#define SPLIT(AT) \
	VMOVUPS AT(SI), Y0;        \
	TO_BF16(Y0, Y1, Y3);       \
	VMOVUPS Y1, AT(DX);        \
	VSUBPS  Y1, Y0, Y1;        \
	TO_BF16(Y1, Y2, Y3);       \
	VMOVUPS Y2, (AT+128)(DX)

// func splitAVX2(data *byte, sums, x *float32, blocks uintptr)
TEXT ·splitAVX2(SB), NOSPLIT, $0-32
	MOVQ data+0(FP), DX
	MOVQ sums+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ blocks+24(FP), CX

splitLoop:
	SPLIT(0)
	VMOVAPS Y0, Y4
	SPLIT(32)
	VMOVAPS Y0, Y5
	SPLIT(64)
	VADDPS  Y0, Y4, Y4 // the block's sum: 32 to 16, then in halves
	SPLIT(96)
	VADDPS  Y0, Y5, Y5
	VADDPS  Y5, Y4, Y4
	FOLD8(Y4, X4, X5)
	VMOVSS  X4, (DI)
	ADDQ    $128, SI
	ADDQ    $256, DX
	ADDQ    $4, DI
	DECQ    CX
	JNZ     splitLoop
	VZEROUPPER
	RET
