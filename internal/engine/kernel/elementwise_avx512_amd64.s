//go:build !purego

#include "textflag.h"

// One pass over vectors on AVX-512. The definitions are the functions named
// ...Generic; multiplications and additions are separate instructions here, as
// they are separate roundings there. Every n is a multiple of 16, at least 16.

#define LEFT CX // elements

// func addAVX512(x, y *float32, n uintptr)
TEXT ·addAVX512(SB), NOSPLIT, $0-24
#define X DI
#define Y SI
	MOVQ x+0(FP), X
	MOVQ y+8(FP), Y
	MOVQ n+16(FP), LEFT

addLoop:
	VMOVUPS (X), Z0
	VADDPS  (Y), Z0, Z0 // x + y
	VMOVUPS Z0, (X)
	ADDQ    $64, X
	ADDQ    $64, Y
	SUBQ    $16, LEFT
	JNZ     addLoop
	VZEROUPPER
	RET
#undef X
#undef Y

// func scaleAVX512(x *float32, n uintptr, s float32)
TEXT ·scaleAVX512(SB), NOSPLIT, $0-20
#define X DI
#define S Z1
	MOVQ         x+0(FP), X
	MOVQ         n+8(FP), LEFT
	VBROADCASTSS s+16(FP), S

scaleLoop:
	VMULPS  (X), S, Z0 // x*s
	VMOVUPS Z0, (X)
	ADDQ    $64, X
	SUBQ    $16, LEFT
	JNZ     scaleLoop
	VZEROUPPER
	RET
#undef X
#undef S

// func rotateAVX512(lo, hi, cos, sin *float32, n uintptr)
TEXT ·rotateAVX512(SB), NOSPLIT, $0-40
#define LO DI
#define HI SI
#define COS DX
#define SIN BX
#define A Z0
#define B Z1
#define C Z2
#define S Z3
	MOVQ lo+0(FP), LO
	MOVQ hi+8(FP), HI
	MOVQ cos+16(FP), COS
	MOVQ sin+24(FP), SIN
	MOVQ n+32(FP), LEFT

rotateLoop:
	VMOVUPS (LO), A
	VMOVUPS (HI), B
	VMOVUPS (COS), C
	VMOVUPS (SIN), S
	VMULPS  C, A, Z4    // a*c
	VMULPS  S, B, Z5    // b*s
	VSUBPS  Z5, Z4, Z4  // a*c - b*s
	VMULPS  C, B, Z6    // b*c
	VMULPS  S, A, Z7    // a*s
	VADDPS  Z7, Z6, Z6  // b*c + a*s
	VMOVUPS Z4, (LO)
	VMOVUPS Z6, (HI)
	ADDQ    $64, LO
	ADDQ    $64, HI
	ADDQ    $64, COS
	ADDQ    $64, SIN
	SUBQ    $16, LEFT
	JNZ     rotateLoop
	VZEROUPPER
	RET
#undef LO
#undef HI
#undef COS
#undef SIN
#undef A
#undef B
#undef C
#undef S

// func rescaleAddAVX512(out, span *float32, n uintptr, a, b float32)
TEXT ·rescaleAddAVX512(SB), NOSPLIT, $0-32
#define OUT DI
#define SPAN SI
#define A Z2
#define B Z3
	MOVQ         out+0(FP), OUT
	MOVQ         span+8(FP), SPAN
	MOVQ         n+16(FP), LEFT
	VBROADCASTSS a+24(FP), A
	VBROADCASTSS b+28(FP), B

rescaleLoop:
	VMULPS  (OUT), A, Z0  // out*a
	VMULPS  (SPAN), B, Z1 // span*b
	VADDPS  Z1, Z0, Z0
	VMOVUPS Z0, (OUT)
	ADDQ    $64, OUT
	ADDQ    $64, SPAN
	SUBQ    $16, LEFT
	JNZ     rescaleLoop
	VZEROUPPER
	RET
#undef OUT
#undef SPAN
#undef A
#undef B

// func divideAVX512(dst, x *float32, n uintptr, by float32)
TEXT ·divideAVX512(SB), NOSPLIT, $0-28
#define DST DI
#define X SI
#define BY Z1
	MOVQ         dst+0(FP), DST
	MOVQ         x+8(FP), X
	MOVQ         n+16(FP), LEFT
	VBROADCASTSS by+24(FP), BY

divideLoop:
	VMOVUPS (X), Z0
	VDIVPS  BY, Z0, Z0 // x/by
	VMOVUPS Z0, (DST)
	ADDQ    $64, DST
	ADDQ    $64, X
	SUBQ    $16, LEFT
	JNZ     divideLoop
	VZEROUPPER
	RET
