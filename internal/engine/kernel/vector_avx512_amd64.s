//go:build !purego

#include "textflag.h"

// Element-wise kernels and sums on AVX-512. Their definitions are the
// functions named ...Generic; multiplications and additions are separate
// instructions here, as they are separate roundings there.

// The constants of Exp (exp.go), but those that an instruction has built in: to
// round to an integer and to multiply by 2^n. Then the sign bit.
DATA constants<>+0(SB)/4, $0xc2ae0000 // expMin -87.0
DATA constants<>+4(SB)/4, $0x42b00000 // expMax 88.0
DATA constants<>+8(SB)/4, $0x3fb8aa3b // expLog2E 1.44269504
DATA constants<>+12(SB)/4, $0x3f318000 // expLn2Hi 0.693359375
DATA constants<>+16(SB)/4, $0xb95e8083 // expLn2Lo -0.00021219444
DATA constants<>+20(SB)/4, $0x39506967 // expP0 0.000198756915
DATA constants<>+24(SB)/4, $0x3ab743ce // expP1 0.0013981999507
DATA constants<>+28(SB)/4, $0x3c088908 // expP2 0.0083334519073
DATA constants<>+32(SB)/4, $0x3d2aa9c1 // expP3 0.041665795894
DATA constants<>+36(SB)/4, $0x3e2aaaaa // expP4 0.16666665459
DATA constants<>+40(SB)/4, $0x3f000000 // expP5 0.50000001201
DATA constants<>+44(SB)/4, $0x3f800000 // one 1.0
DATA constants<>+48(SB)/4, $0x80000000
GLOBL constants<>(SB), RODATA|NOPTR, $52

// LOAD_CONSTANTS fills Z16 to Z28 with the constants, in that order.
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
	VBROADCASTSS constants<>+48(SB), Z28

// EXP replaces X by Exp of it; N, P and R are scratch. The constant comes first
// where it is compared, so that NaN passes through. VRNDSCALEPS $0 is rounding to
// the nearest integer, ties to even; VSCALEFPS is P times 2^N, exact here since
// the result is normal.
#define EXP(X, N, P, R) \
	VMAXPS      X, Z16, X; \
	VMINPS      X, Z17, X; \
	VMULPS      Z18, X, N; \
	VRNDSCALEPS $0, N, N;  \
	VMULPS      Z19, N, P; \
	VSUBPS      P, X, R;   \
	VMULPS      Z20, N, P; \
	VSUBPS      P, R, R;   \
	VMULPS      Z21, R, P; \
	VADDPS      Z22, P, P; \
	VMULPS      R, P, P;   \
	VADDPS      Z23, P, P; \
	VMULPS      R, P, P;   \
	VADDPS      Z24, P, P; \
	VMULPS      R, P, P;   \
	VADDPS      Z25, P, P; \
	VMULPS      R, P, P;   \
	VADDPS      Z26, P, P; \
	VMULPS      R, R, X;   \
	VMULPS      X, P, P;   \
	VADDPS      R, P, P;   \
	VADDPS      Z27, P, P; \
	VSCALEFPS   N, P, X

// EXP_PAIR is EXP of two vectors, step by step: one alone is a chain of results
// that wait for each other, too long for the processor to see the next one.
#define EXP_PAIR(X, N, P, R, X2, N2, P2, R2) \
	VMAXPS      X, Z16, X; VMAXPS      X2, Z16, X2; \
	VMINPS      X, Z17, X; VMINPS      X2, Z17, X2; \
	VMULPS      Z18, X, N; VMULPS      Z18, X2, N2; \
	VRNDSCALEPS $0, N, N;  VRNDSCALEPS $0, N2, N2;  \
	VMULPS      Z19, N, P; VMULPS      Z19, N2, P2; \
	VSUBPS      P, X, R;   VSUBPS      P2, X2, R2;  \
	VMULPS      Z20, N, P; VMULPS      Z20, N2, P2; \
	VSUBPS      P, R, R;   VSUBPS      P2, R2, R2;  \
	VMULPS      Z21, R, P; VMULPS      Z21, R2, P2; \
	VADDPS      Z22, P, P; VADDPS      Z22, P2, P2; \
	VMULPS      R, P, P;   VMULPS      R2, P2, P2;  \
	VADDPS      Z23, P, P; VADDPS      Z23, P2, P2; \
	VMULPS      R, P, P;   VMULPS      R2, P2, P2;  \
	VADDPS      Z24, P, P; VADDPS      Z24, P2, P2; \
	VMULPS      R, P, P;   VMULPS      R2, P2, P2;  \
	VADDPS      Z25, P, P; VADDPS      Z25, P2, P2; \
	VMULPS      R, P, P;   VMULPS      R2, P2, P2;  \
	VADDPS      Z26, P, P; VADDPS      Z26, P2, P2; \
	VMULPS      R, R, X;   VMULPS      R2, R2, X2;  \
	VMULPS      X, P, P;   VMULPS      X2, P2, P2;  \
	VADDPS      R, P, P;   VADDPS      R2, P2, P2;  \
	VADDPS      Z27, P, P; VADDPS      Z27, P2, P2; \
	VSCALEFPS   N, P, X;   VSCALEFPS   N2, P2, X2

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
	SUBQ         $32, CX
	JLT          sumLast

sumLoop:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z7
	VSUBPS  Z4, Z0, Z0
	VSUBPS  Z4, Z7, Z7
	VMULPS  Z5, Z0, Z0
	VMULPS  Z5, Z7, Z7
	EXP_PAIR(Z0, Z1, Z2, Z3, Z7, Z8, Z9, Z10)
	VADDPS  Z0, Z6, Z6
	VADDPS  Z7, Z6, Z6
	ADDQ    $128, SI
	TESTQ   DI, DI
	JZ      sumNext
	VMOVUPS Z0, (DI)
	VMOVUPS Z7, 64(DI)
	ADDQ    $128, DI

sumNext:
	SUBQ $32, CX
	JGE  sumLoop

sumLast: // one vector, or none
	ADDQ    $32, CX
	JZ      sumDone
	VMOVUPS (SI), Z0
	VSUBPS  Z4, Z0, Z0
	VMULPS  Z5, Z0, Z0
	EXP(Z0, Z1, Z2, Z3)
	VADDPS  Z0, Z6, Z6
	TESTQ   DI, DI
	JZ      sumDone
	VMOVUPS Z0, (DI)

sumDone:
	VMOVUPS Z6, (DX)
	VZEROUPPER
	RET

// func expGroupsAVX512(sums, weights, x *float32, groups uintptr, max, invT float32)
// groups is at least 1. weights may be nil. Each group of 1024 is summed as
// expSum does, its lanes folded in halves.
TEXT ·expGroupsAVX512(SB), NOSPLIT, $0-40
	MOVQ         sums+0(FP), DX
	MOVQ         weights+8(FP), DI
	MOVQ         x+16(FP), SI
	MOVQ         groups+24(FP), BX
	VBROADCASTSS max+32(FP), Z4
	VBROADCASTSS invT+36(FP), Z5
	LOAD_CONSTANTS

groupLoop:
	VXORPS X6, X6, X6
	MOVQ   $32, CX

groupPair:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z7
	VSUBPS  Z4, Z0, Z0
	VSUBPS  Z4, Z7, Z7
	VMULPS  Z5, Z0, Z0
	VMULPS  Z5, Z7, Z7
	EXP_PAIR(Z0, Z1, Z2, Z3, Z7, Z8, Z9, Z10)
	VADDPS  Z0, Z6, Z6
	VADDPS  Z7, Z6, Z6
	ADDQ    $128, SI
	TESTQ   DI, DI
	JZ      groupNext
	VMOVUPS Z0, (DI)
	VMOVUPS Z7, 64(DI)
	ADDQ    $128, DI

groupNext:
	DECQ          CX
	JNZ           groupPair
	VEXTRACTF64X4 $1, Z6, Y1
	VADDPS        Y1, Y6, Y6
	VEXTRACTF128  $1, Y6, X1
	VADDPS        X1, X6, X6
	VPERMILPS     $0x4e, X6, X1
	VADDPS        X1, X6, X6
	VPERMILPS     $0xb1, X6, X1
	VADDPS        X1, X6, X6
	VMOVSS        X6, (DX)
	ADDQ          $4, DX
	DECQ          BX
	JNZ           groupLoop
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
	VPXORD  Z28, Z5, Z0       // -gate
	EXP(Z0, Z1, Z2, Z3)
	VADDPS  Z27, Z0, Z0       // 1 + e
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
