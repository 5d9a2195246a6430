//go:build !purego

#include "textflag.h"

// Selection on AVX-512; select.go has the definitions. In a comparison the
// constant comes first: LE is "constant <= x".
#define LT $1
#define LE $2
#define GT $14

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
	VMOVUPS     (DI), Z4
	VCMPPS      LE, (SI), Z0, K1
	VCMPPS      LE, Z4, Z1, K1, K2
	VMULPS.Z    Z2, Z4, K2, Z4   // w*2^21, 0 where it does not count
	VCVTTPS2DQ  Z4, Z5
	VPADDD      Z5, Z8, Z8
	VRNDSCALEPS $3, Z4, Z6       // the same, cut off as Z5 is
	VSUBPS      Z6, Z4, Z4       // what is left,
	VMULPS      Z2, Z4, Z4       // times 2^21
	VCVTTPS2DQ  Z4, Z4
	VPADDD      Z4, Z9, Z9
	ADDQ        $64, SI
	ADDQ        $64, DI
	SUBQ        $16, CX
	JNZ         massLoop

	VEXTRACTI64X4 $1, Z8, Y4
	VEXTRACTI64X4 $1, Z9, Y5
	VPADDD        Y4, Y8, Y8
	VPADDD        Y5, Y9, Y9
	VPHADDD       Y9, Y8, Y8
	VEXTRACTI128  $1, Y8, X9
	VPADDD        X9, X8, X8     // upper, upper, lower, lower
	VPHADDD       X8, X8, X8
	VMOVQ         X8, AX
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
