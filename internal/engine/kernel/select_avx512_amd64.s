//go:build !purego

#include "textflag.h"

// Selection on AVX-512; select.go has the definitions. In a comparison the
// constant comes first: LE is "constant <= x".
#define LT $1
#define LE $2
#define GT $14

// ADD_MASSES adds the masses of the weights W, where they count in K, to the sums
// of halves in Z8 and Z9. Z2 is 2^21; Z5 and Z6 are scratch. The first product is
// w*2^21, 0 where it does not count; Z5 and Z6 are it, cut off; what is left, times
// 2^21 and cut off, is the lower half.
#define ADD_MASSES(W, K) \
	VMULPS.Z    Z2, W, K, W; \
	VCVTTPS2DQ  W, Z5;       \
	VRNDSCALEPS $3, W, Z6;   \
	VPADDD      Z5, Z8, Z8;  \
	VSUBPS      Z6, W, W;    \
	VMULPS      Z2, W, W;    \
	VCVTTPS2DQ  W, W;        \
	VPADDD      W, Z9, Z9

// SUM_MASSES sets the lower half of AX to the sum of Z8's lanes, and the upper
// half to that of Z9's.
#define SUM_MASSES \
	VEXTRACTI64X4 $1, Z8, Y4; \
	VEXTRACTI64X4 $1, Z9, Y5; \
	VPADDD        Y4, Y8, Y8; \
	VPADDD        Y5, Y9, Y9; \
	VPHADDD       Y9, Y8, Y8; \
	VEXTRACTI128  $1, Y8, X9; \
	VPADDD        X9, X8, X8; \
	VPHADDD       X8, X8, X8; \
	VMOVQ         X8, AX

// func massFromAVX512(x, w *float32, n uintptr, floor, least float32) (upper, lower uint32)
// n is a multiple of 16, at least 16 and at most 16*massCallVectors.
TEXT ·massFromAVX512(SB), NOSPLIT, $0-40
	MOVQ         x+0(FP), SI
	MOVQ         w+8(FP), DI
	MOVQ         n+16(FP), CX
	VBROADCASTSS floor+24(FP), Z0
	VBROADCASTSS least+28(FP), Z1
	MOVL         $0x4a000000, AX // 2^21
	VPBROADCASTD AX, Z2
	VPXORD       Z8, Z8, Z8      // sums of upper halves
	VPXORD       Z9, Z9, Z9      // sums of lower halves

massLoop:
	VMOVUPS  (DI), Z4
	VCMPPS   LE, (SI), Z0, K1
	VCMPPS   LE, Z4, Z1, K1, K2
	ADD_MASSES(Z4, K2)
	ADDQ        $64, SI
	ADDQ        $64, DI
	SUBQ        $16, CX
	JNZ         massLoop

	SUM_MASSES
	MOVL          AX, upper+32(FP)
	SHRQ          $32, AX
	MOVL          AX, lower+36(FP)
	VZEROUPPER
	RET

// func countFromAVX512(x *float32, n uintptr, floor float32) uint32
// n is a multiple of 16, at least 16.
TEXT ·countFromAVX512(SB), NOSPLIT, $0-28
	MOVQ         x+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSS floor+16(FP), Z0
	XORL         R8, R8

countLoop:
	VCMPPS  LE, (SI), Z0, K1
	KMOVW   K1, AX
	POPCNTL AX, AX
	ADDL    AX, R8
	ADDQ    $64, SI
	SUBQ    $16, CX
	JNZ     countLoop
	MOVL    R8, ret+24(FP)
	VZEROUPPER
	RET

// func gatherAVX512(dstX *float32, dstY *uint32, x *float32, y *uint32, n uintptr, above, below float32) uintptr
// n is a multiple of 16, at least 16. Whole vectors are stored, the elements
// that count at the front: at least as many have been read. Compressing goes
// through a register, since with a destination in memory it is slow on Zen 4.
TEXT ·gatherAVX512(SB), NOSPLIT, $0-56
	MOVQ         dstX+0(FP), R9
	MOVQ         dstY+8(FP), R10
	MOVQ         x+16(FP), SI
	MOVQ         y+24(FP), DI
	MOVQ         n+32(FP), CX
	VBROADCASTSS above+40(FP), Z0
	VBROADCASTSS below+44(FP), Z1
	XORL         R8, R8          // count

gatherLoop:
	VMOVUPS     (SI), Z2
	VCMPPS      LT, Z2, Z0, K1
	VCMPPS      GT, Z2, Z1, K1, K2
	KMOVW       K2, AX
	TESTL       AX, AX
	JZ          gatherNext
	VMOVUPS     (DI), Z3
	VCOMPRESSPS Z2, K2, Z4
	VCOMPRESSPS Z3, K2, Z5
	VMOVUPS     Z4, (R9)(R8*4)
	VMOVUPS     Z5, (R10)(R8*4)
	POPCNTL     AX, AX
	ADDQ        AX, R8

gatherNext:
	ADDQ $64, SI
	ADDQ $64, DI
	SUBQ $16, CX
	JNZ  gatherLoop
	MOVQ R8, ret+48(FP)
	VZEROUPPER
	RET

// func partAVX512(dstX, dstW, x, w *float32, n uintptr, lower, upper float32) (count uintptr, high, low uint32)
// n is a multiple of 16, at least 16 and at most 16*massCallVectors. This is the
// two above at once.
TEXT ·partAVX512(SB), NOSPLIT, $0-64
	MOVQ         dstX+0(FP), R9
	MOVQ         dstW+8(FP), R10
	MOVQ         x+16(FP), SI
	MOVQ         w+24(FP), DI
	MOVQ         n+32(FP), CX
	VBROADCASTSS lower+40(FP), Z0
	VBROADCASTSS upper+44(FP), Z1
	MOVL         $0x4a000000, AX // 2^21
	VPBROADCASTD AX, Z2
	VPXORD       Z8, Z8, Z8      // sums of upper halves
	VPXORD       Z9, Z9, Z9      // sums of lower halves
	XORL         R8, R8          // count

partLoop:
	VMOVUPS     (SI), Z3
	VMOVUPS     (DI), Z4
	VCMPPS      LE, Z3, Z1, K3
	VCMPPS      LT, Z3, Z0, K1
	VCMPPS      GT, Z3, Z1, K1, K2
	KMOVW       K2, AX
	VCOMPRESSPS Z3, K2, Z5
	VCOMPRESSPS Z4, K2, Z6
	VMOVUPS     Z5, (R9)(R8*4)
	VMOVUPS     Z6, (R10)(R8*4)
	POPCNTL     AX, AX
	ADDQ        AX, R8
	ADD_MASSES(Z4, K3)
	ADDQ        $64, SI
	ADDQ        $64, DI
	SUBQ        $16, CX
	JNZ         partLoop
	MOVQ        R8, count+48(FP)
	SUM_MASSES
	MOVL        AX, high+56(FP)
	SHRQ        $32, AX
	MOVL        AX, low+60(FP)
	VZEROUPPER
	RET
