//go:build !purego

#include "textflag.h"

// Element-wise kernels and sums on AVX-512. Their definitions are the
// functions named ...Generic; multiplications and additions are separate
// instructions here, as they are separate roundings there.

// The constants of Exp (exp.go), then 127 and the sign bit.
DATA constants<>+0(SB)/4, $0xc2ae0000 // expMin -87.0
DATA constants<>+4(SB)/4, $0x42b00000 // expMax 88.0
DATA constants<>+8(SB)/4, $0x3fb8aa3b // expLog2E 1.44269504
DATA constants<>+12(SB)/4, $0x4b400000 // expRounder 12582912.0
DATA constants<>+16(SB)/4, $0x3f318000 // expLn2Hi 0.693359375
DATA constants<>+20(SB)/4, $0xb95e8083 // expLn2Lo -0.00021219444
DATA constants<>+24(SB)/4, $0x39506967 // expP0 0.000198756915
DATA constants<>+28(SB)/4, $0x3ab743ce // expP1 0.0013981999507
DATA constants<>+32(SB)/4, $0x3c088908 // expP2 0.0083334519073
DATA constants<>+36(SB)/4, $0x3d2aa9c1 // expP3 0.041665795894
DATA constants<>+40(SB)/4, $0x3e2aaaaa // expP4 0.16666665459
DATA constants<>+44(SB)/4, $0x3f000000 // expP5 0.50000001201
DATA constants<>+48(SB)/4, $0x3f800000 // one 1.0
DATA constants<>+52(SB)/4, $127
DATA constants<>+56(SB)/4, $0x80000000
GLOBL constants<>(SB), RODATA|NOPTR, $60

// LOAD_CONSTANTS fills Z16 to Z30 with the constants, in that order.
#define LOAD_CONSTANTS \
	VBROADCASTSS constants<>+0(SB), Z16; \
	VBROADCASTSS constants<>+4(SB), Z17; \
	VBROADCASTSS constants<>+8(SB), Z18; \
	VBROADCASTSS constants<>+12(SB), Z19; \
	VBROADCASTSS constants<>+16(SB), Z20; \
	VBROADCASTSS constants<>+20(SB), Z21; \
	VBROADCASTSS constants<>+24(SB), Z22; \
	VBROADCASTSS constants<>+28(SB), Z23; \
	VBROADCASTSS constants<>+32(SB), Z24; \
	VBROADCASTSS constants<>+36(SB), Z25; \
	VBROADCASTSS constants<>+40(SB), Z26; \
	VBROADCASTSS constants<>+44(SB), Z27; \
	VBROADCASTSS constants<>+48(SB), Z28; \
	VBROADCASTSS constants<>+52(SB), Z29; \
	VBROADCASTSS constants<>+56(SB), Z30

// EXP replaces X by Exp of it; N, P and R are scratch. The constant comes first
// where it is compared, so that NaN passes through.
#define EXP(X, N, P, R) \
	VMAXPS    X, Z16, X;   \
	VMINPS    X, Z17, X;   \
	VMULPS    Z18, X, N;   \
	VADDPS    Z19, N, N;   \
	VSUBPS    Z19, N, N;   \
	VMULPS    Z20, N, P;   \
	VSUBPS    P, X, R;     \
	VMULPS    Z21, N, P;   \
	VSUBPS    P, R, R;     \
	VMULPS    Z22, R, P;   \
	VADDPS    Z23, P, P;   \
	VMULPS    R, P, P;     \
	VADDPS    Z24, P, P;   \
	VMULPS    R, P, P;     \
	VADDPS    Z25, P, P;   \
	VMULPS    R, P, P;     \
	VADDPS    Z26, P, P;   \
	VMULPS    R, P, P;     \
	VADDPS    Z27, P, P;   \
	VMULPS    R, R, X;     \
	VMULPS    X, P, P;     \
	VADDPS    R, P, P;     \
	VADDPS    Z28, P, P;   \
	VCVTPS2DQ N, N;        \
	VPADDD    Z29, N, N;   \
	VPSLLD    $23, N, N;   \
	VMULPS    N, P, X

// func maxAVX512(x *float32, n uintptr) float32
// n is a multiple of 16, at least 16.
TEXT ·maxAVX512(SB), NOSPLIT, $0-20
	MOVQ    x+0(FP), SI
	MOVQ    n+8(FP), CX
	VMOVUPS (SI), Z0

maxLoop:
	VMAXPS (SI), Z0, Z0
	ADDQ   $64, SI
	SUBQ   $16, CX
	JNZ    maxLoop
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS        Y1, Y0, Y0
	VEXTRACTF128  $1, Y0, X1
	VMAXPS        X1, X0, X0
	VPERMILPS     $0x4e, X0, X1
	VMAXPS        X1, X0, X0
	VPERMILPS     $0xb1, X0, X1
	VMAXPS        X1, X0, X0
	VMOVSS        X0, ret+16(FP)
	VZEROUPPER
	RET

// func finiteAVX512(x *float32, n uintptr) bool
// n is a multiple of 16, at least 16. Lanes whose exponent is all ones are
// collected in K2.
TEXT ·finiteAVX512(SB), NOSPLIT, $0-17
	MOVQ         x+0(FP), SI
	MOVQ         n+8(FP), CX
	MOVL         $0x7f800000, AX
	VPBROADCASTD AX, Z1
	KXORW        K2, K2, K2

finiteLoop:
	VPANDD   (SI), Z1, Z0
	VPCMPEQD Z1, Z0, K1
	KORW     K1, K2, K2
	ADDQ     $64, SI
	SUBQ     $16, CX
	JNZ      finiteLoop
	KORTESTW K2, K2
	SETEQ    ret+16(FP)
	VZEROUPPER
	RET

// func expSumAVX512(lanes *[16]float32, weights, x *float32, n uintptr, max, invT float32)
// n is a multiple of 16, at least 16. weights may be nil.
TEXT ·expSumAVX512(SB), NOSPLIT, $0-40
	MOVQ         lanes+0(FP), DX
	MOVQ         weights+8(FP), DI
	MOVQ         x+16(FP), SI
	MOVQ         n+24(FP), CX
	VBROADCASTSS max+32(FP), Z4
	VBROADCASTSS invT+36(FP), Z5
	LOAD_CONSTANTS
	VMOVUPS      (DX), Z6
	TESTQ        DI, DI
	JZ           sumLoop

weightLoop:
	VMOVUPS (SI), Z0
	VSUBPS  Z4, Z0, Z0
	VMULPS  Z5, Z0, Z0
	EXP(Z0, Z1, Z2, Z3)
	VMOVUPS Z0, (DI)
	VADDPS  Z0, Z6, Z6
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $16, CX
	JNZ     weightLoop
	JMP     sumDone

sumLoop:
	VMOVUPS (SI), Z0
	VSUBPS  Z4, Z0, Z0
	VMULPS  Z5, Z0, Z0
	EXP(Z0, Z1, Z2, Z3)
	VADDPS  Z0, Z6, Z6
	ADDQ    $64, SI
	SUBQ    $16, CX
	JNZ     sumLoop

sumDone:
	VMOVUPS Z6, (DX)
	VZEROUPPER
	RET

// func siluMulAVX512(dst, gate, up *float32, n uintptr)
// n is a multiple of 16, at least 16.
TEXT ·siluMulAVX512(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DX
	MOVQ gate+8(FP), SI
	MOVQ up+16(FP), DI
	MOVQ n+24(FP), CX
	LOAD_CONSTANTS

siluLoop:
	VMOVUPS (SI), Z5
	VPXORD  Z30, Z5, Z0       // -gate
	EXP(Z0, Z1, Z2, Z3)
	VADDPS  Z28, Z0, Z0       // 1 + e
	VDIVPS  Z0, Z5, Z5
	VMULPS  (DI), Z5, Z5
	VMOVUPS Z5, (DX)
	ADDQ    $64, SI
	ADDQ    $64, DI
	ADDQ    $64, DX
	SUBQ    $16, CX
	JNZ     siluLoop
	VZEROUPPER
	RET

// func squareSumAVX512(lanes *[16]float32, x *float32, n uintptr)
// n is a multiple of 16, at least 16.
TEXT ·squareSumAVX512(SB), NOSPLIT, $0-24
	MOVQ    lanes+0(FP), DX
	MOVQ    x+8(FP), SI
	MOVQ    n+16(FP), CX
	VMOVUPS (DX), Z0

squareLoop:
	VMOVUPS (SI), Z1
	VMULPS  Z1, Z1, Z1
	VADDPS  Z1, Z0, Z0
	ADDQ    $64, SI
	SUBQ    $16, CX
	JNZ     squareLoop
	VMOVUPS Z0, (DX)
	VZEROUPPER
	RET

// func scaleByAVX512(dst, x, w *float32, n uintptr, inv float32)
// n is a multiple of 16, at least 16.
TEXT ·scaleByAVX512(SB), NOSPLIT, $0-36
	MOVQ         dst+0(FP), DX
	MOVQ         x+8(FP), SI
	MOVQ         w+16(FP), DI
	MOVQ         n+24(FP), CX
	VBROADCASTSS inv+32(FP), Z1

scaleLoop:
	VMULPS  (SI), Z1, Z0
	VMULPS  (DI), Z0, Z0
	VMOVUPS Z0, (DX)
	ADDQ    $64, SI
	ADDQ    $64, DI
	ADDQ    $64, DX
	SUBQ    $16, CX
	JNZ     scaleLoop
	VZEROUPPER
	RET
