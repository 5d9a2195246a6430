//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// One pass over vectors on NEON: a vector of 16 is four registers. The
// definitions are the functions named ...Generic. Every n is a multiple of 16,
// at least 16.

#define LEFT R4 // elements

// func addNEON(x, y *float32, n uintptr)
TEXT ·addNEON(SB), NOSPLIT, $0-24
#define X R0
#define Y R1
	MOVD x+0(FP), X
	MOVD y+8(FP), Y
	MOVD n+16(FP), LEFT

addLoop:
	VLD1   (X), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(Y), [V4.S4, V5.S4, V6.S4, V7.S4]
	VFADD(4, 0, 0)         // x + y
	VFADD(5, 1, 1)
	VFADD(6, 2, 2)
	VFADD(7, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(X)
	SUBS   $16, LEFT
	BNE    addLoop
	RET
#undef X
#undef Y

// func scaleNEON(x *float32, n uintptr, s float32)
TEXT ·scaleNEON(SB), NOSPLIT, $0-20
#define X R0
	MOVD  x+0(FP), X
	MOVD  n+8(FP), LEFT
	FMOVS s+16(FP), F16

scaleLoop:
	VLD1   (X), [V0.S4, V1.S4, V2.S4, V3.S4]
	VFMULE(0, 16, 0, 0)    // x*s
	VFMULE(0, 16, 1, 1)
	VFMULE(0, 16, 2, 2)
	VFMULE(0, 16, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(X)
	SUBS   $16, LEFT
	BNE    scaleLoop
	RET
#undef X

// ROTATE rotates the pairs of registers A and B by those of C (cosines) and S
// (sines); A becomes a*c - b*s and B b*c + a*s. V16 to V18 are scratch.
#define ROTATE(A, B, C, S) \
	VFMUL(C, A, 16);   /* a*c */ \
	VFMUL(S, B, 17);   /* b*s */ \
	VFMUL(S, A, 18);   /* a*s */ \
	VFMUL(C, B, B);    /* b*c */ \
	VFSUB(17, 16, A);  /* a*c - b*s */ \
	VFADD(18, B, B)      // b*c + a*s

// func rotateNEON(lo, hi, cos, sin *float32, n uintptr)
TEXT ·rotateNEON(SB), NOSPLIT, $0-40
#define LO R0
#define HI R1
#define COS R2
#define SIN R3
	MOVD lo+0(FP), LO
	MOVD hi+8(FP), HI
	MOVD cos+16(FP), COS
	MOVD sin+24(FP), SIN
	MOVD n+32(FP), LEFT

rotateLoop:
	VLD1   (LO), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1   (HI), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(COS), [V20.S4, V21.S4, V22.S4, V23.S4]
	VLD1.P 64(SIN), [V24.S4, V25.S4, V26.S4, V27.S4]
	ROTATE(0, 4, 20, 24)
	ROTATE(1, 5, 21, 25)
	ROTATE(2, 6, 22, 26)
	ROTATE(3, 7, 23, 27)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(LO)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(HI)
	SUBS   $16, LEFT
	BNE    rotateLoop
	RET
#undef LO
#undef HI
#undef COS
#undef SIN

// func rescaleAddNEON(out, span *float32, n uintptr, a, b float32)
TEXT ·rescaleAddNEON(SB), NOSPLIT, $0-32
#define OUT R0
#define SPAN R1
	MOVD  out+0(FP), OUT
	MOVD  span+8(FP), SPAN
	MOVD  n+16(FP), LEFT
	FMOVS a+24(FP), F16
	FMOVS b+28(FP), F17

rescaleLoop:
	VLD1   (OUT), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(SPAN), [V4.S4, V5.S4, V6.S4, V7.S4]
	VFMULE(0, 16, 0, 0)    // out*a
	VFMULE(0, 16, 1, 1)
	VFMULE(0, 16, 2, 2)
	VFMULE(0, 16, 3, 3)
	VFMULE(0, 17, 4, 4)    // span*b
	VFMULE(0, 17, 5, 5)
	VFMULE(0, 17, 6, 6)
	VFMULE(0, 17, 7, 7)
	VFADD(4, 0, 0)
	VFADD(5, 1, 1)
	VFADD(6, 2, 2)
	VFADD(7, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(OUT)
	SUBS   $16, LEFT
	BNE    rescaleLoop
	RET
#undef OUT
#undef SPAN

// func divideNEON(dst, x *float32, n uintptr, by float32)
TEXT ·divideNEON(SB), NOSPLIT, $0-28
#define DST R0
#define X R1
	MOVD  dst+0(FP), DST
	MOVD  x+8(FP), X
	MOVD  n+16(FP), LEFT
	FMOVS by+24(FP), F16
	VDUP  V16.S[0], V16.S4

divideLoop:
	VLD1.P 64(X), [V0.S4, V1.S4, V2.S4, V3.S4]
	VFDIV(16, 0, 0)        // x/by
	VFDIV(16, 1, 1)
	VFDIV(16, 2, 2)
	VFDIV(16, 3, 3)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(DST)
	SUBS   $16, LEFT
	BNE    divideLoop
	RET
