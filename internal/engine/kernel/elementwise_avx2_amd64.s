//go:build !purego

#include "textflag.h"

// One pass over vectors on AVX2: elementwise_avx512_amd64.s with each vector of
// 16 in two halves. Every n is a multiple of 16, at least 16.

#define LEFT CX // elements

// func addAVX2(x, y *float32, n uintptr)
TEXT ·addAVX2(SB), NOSPLIT, $0-24
#define X DI
#define Y SI
	MOVQ x+0(FP), X
	MOVQ y+8(FP), Y
	MOVQ n+16(FP), LEFT

addLoop:
	VMOVUPS (X), Y0
	VMOVUPS 32(X), Y1
	VADDPS  (Y), Y0, Y0   // x + y
	VADDPS  32(Y), Y1, Y1
	VMOVUPS Y0, (X)
	VMOVUPS Y1, 32(X)
	ADDQ    $64, X
	ADDQ    $64, Y
	SUBQ    $16, LEFT
	JNZ     addLoop
	VZEROUPPER
	RET
#undef X
#undef Y

// func scaleAVX2(x *float32, n uintptr, s float32)
TEXT ·scaleAVX2(SB), NOSPLIT, $0-20
#define X DI
#define S Y2
	MOVQ         x+0(FP), X
	MOVQ         n+8(FP), LEFT
	VBROADCASTSS s+16(FP), S

scaleLoop:
	VMULPS  (X), S, Y0   // x*s
	VMULPS  32(X), S, Y1
	VMOVUPS Y0, (X)
	VMOVUPS Y1, 32(X)
	ADDQ    $64, X
	SUBQ    $16, LEFT
	JNZ     scaleLoop
	VZEROUPPER
	RET
#undef X
#undef S

#define LO DI
#define HI SI
#define COS DX
#define SIN BX
#define A Y0
#define B Y1
#define C Y2
#define S Y3

// ROTATE rotates 8 pairs, AT bytes on.
#define ROTATE(AT) \
	VMOVUPS AT(LO), A;         \
	VMOVUPS AT(HI), B;         \
	VMOVUPS AT(COS), C;        \
	VMOVUPS AT(SIN), S;        \
	VMULPS  C, A, Y4;          /* a*c */ \
	VMULPS  S, B, Y5;          /* b*s */ \
	VSUBPS  Y5, Y4, Y4;        /* a*c - b*s */ \
	VMULPS  C, B, Y6;          /* b*c */ \
	VMULPS  S, A, Y7;          /* a*s */ \
	VADDPS  Y7, Y6, Y6;        /* b*c + a*s */ \
	VMOVUPS Y4, AT(LO);        \
	VMOVUPS Y6, AT(HI)

// func rotateAVX2(lo, hi, cos, sin *float32, n uintptr)
TEXT ·rotateAVX2(SB), NOSPLIT, $0-40
	MOVQ lo+0(FP), LO
	MOVQ hi+8(FP), HI
	MOVQ cos+16(FP), COS
	MOVQ sin+24(FP), SIN
	MOVQ n+32(FP), LEFT

rotateLoop:
	ROTATE(0)
	ROTATE(32)
	ADDQ $64, LO
	ADDQ $64, HI
	ADDQ $64, COS
	ADDQ $64, SIN
	SUBQ $16, LEFT
	JNZ  rotateLoop
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

// func rescaleAddAVX2(out, span *float32, n uintptr, a, b float32)
TEXT ·rescaleAddAVX2(SB), NOSPLIT, $0-32
#define OUT DI
#define SPAN SI
#define A Y4
#define B Y5
	MOVQ         out+0(FP), OUT
	MOVQ         span+8(FP), SPAN
	MOVQ         n+16(FP), LEFT
	VBROADCASTSS a+24(FP), A
	VBROADCASTSS b+28(FP), B

rescaleLoop:
	VMULPS  (OUT), A, Y0    // out*a
	VMULPS  32(OUT), A, Y1
	VMULPS  (SPAN), B, Y2   // span*b
	VMULPS  32(SPAN), B, Y3
	VADDPS  Y2, Y0, Y0
	VADDPS  Y3, Y1, Y1
	VMOVUPS Y0, (OUT)
	VMOVUPS Y1, 32(OUT)
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

// func divideAVX2(dst, x *float32, n uintptr, by float32)
TEXT ·divideAVX2(SB), NOSPLIT, $0-28
#define DST DI
#define X SI
#define BY Y2
	MOVQ         dst+0(FP), DST
	MOVQ         x+8(FP), X
	MOVQ         n+16(FP), LEFT
	VBROADCASTSS by+24(FP), BY

divideLoop:
	VMOVUPS (X), Y0
	VMOVUPS 32(X), Y1
	VDIVPS  BY, Y0, Y0     // x/by
	VDIVPS  BY, Y1, Y1
	VMOVUPS Y0, (DST)
	VMOVUPS Y1, 32(DST)
	ADDQ    $64, DST
	ADDQ    $64, X
	SUBQ    $16, LEFT
	JNZ     divideLoop
	VZEROUPPER
	RET
