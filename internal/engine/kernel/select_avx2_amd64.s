//go:build !purego

#include "textflag.h"

// Selection on AVX2: select_avx512_amd64.s with vectors of 8 lanes, masks in
// vector registers, and a table in place of the compressing instruction.
#define LT $1
#define LE $2
#define GT $14

// func massFromAVX2(x, w *float32, n uintptr, floor, least float32) (upper, lower uint32)
// n is a multiple of 16, at least 16 and at most 16*massCallVectors.
TEXT ·massFromAVX2(SB), NOSPLIT, $0-40
	MOVQ         x+0(FP), SI
	MOVQ         w+8(FP), DI
	MOVQ         n+16(FP), CX
	VBROADCASTSS floor+24(FP), Y0
	VBROADCASTSS least+28(FP), Y1
	MOVL         $0x4a000000, AX // 2^21
	VMOVD        AX, X2
	VPBROADCASTD X2, Y2
	VPXOR        Y8, Y8, Y8      // sums of upper halves
	VPXOR        Y9, Y9, Y9      // sums of lower halves

massLoop:
	VMOVUPS    (DI), Y4
	VCMPPS     LE, (SI), Y0, Y5
	VCMPPS     LE, Y4, Y1, Y6
	VMULPS     Y2, Y4, Y4        // w*2^21,
	VANDPS     Y6, Y5, Y5
	VANDPS     Y5, Y4, Y4        // 0 where it does not count
	VCVTTPS2DQ Y4, Y5
	VPADDD     Y5, Y8, Y8
	VCVTDQ2PS  Y5, Y6
	VSUBPS     Y6, Y4, Y4        // what is left,
	VMULPS     Y2, Y4, Y4        // times 2^21
	VCVTTPS2DQ Y4, Y4
	VPADDD     Y4, Y9, Y9
	ADDQ       $32, SI
	ADDQ       $32, DI
	SUBQ       $8, CX
	JNZ        massLoop

	VPHADDD      Y9, Y8, Y8
	VEXTRACTI128 $1, Y8, X9
	VPADDD       X9, X8, X8      // upper, upper, lower, lower
	VPHADDD      X8, X8, X8
	VMOVQ        X8, AX
	MOVL         AX, upper+32(FP)
	SHRQ         $32, AX
	MOVL         AX, lower+36(FP)
	VZEROUPPER
	RET

// func countFromAVX2(x *float32, n uintptr, floor float32) uint32
// n is a multiple of 16, at least 16.
TEXT ·countFromAVX2(SB), NOSPLIT, $0-28
	MOVQ         x+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSS floor+16(FP), Y0
	XORL         R8, R8

countLoop:
	VCMPPS    LE, (SI), Y0, Y1
	VMOVMSKPS Y1, AX
	POPCNTL   AX, AX
	ADDL      AX, R8
	ADDQ      $32, SI
	SUBQ      $8, CX
	JNZ       countLoop
	MOVL      R8, ret+24(FP)
	VZEROUPPER
	RET

// func gatherAVX2(dstX *float32, dstY *uint32, x *float32, y *uint32, n uintptr, above, below float32, front *[256]uint64) uintptr
// n is a multiple of 16, at least 16. Whole vectors are stored, the elements
// that count at the front: at least as many have been read.
TEXT ·gatherAVX2(SB), NOSPLIT, $0-64
	MOVQ         dstX+0(FP), R9
	MOVQ         dstY+8(FP), R10
	MOVQ         x+16(FP), SI
	MOVQ         y+24(FP), DI
	MOVQ         n+32(FP), CX
	VBROADCASTSS above+40(FP), Y0
	VBROADCASTSS below+44(FP), Y1
	MOVQ         front+48(FP), R11
	XORL         R8, R8          // count

gatherLoop:
	VMOVUPS    (SI), Y2
	VCMPPS     LT, Y2, Y0, Y4
	VCMPPS     GT, Y2, Y1, Y5
	VANDPS     Y5, Y4, Y4
	VMOVMSKPS  Y4, AX
	TESTL      AX, AX
	JZ         gatherNext
	VPMOVZXBD  (R11)(AX*8), Y5   // where each lane comes from
	VPERMPS    Y2, Y5, Y4
	VPERMPS    (DI), Y5, Y5
	VMOVUPS    Y4, (R9)(R8*4)
	VMOVUPS    Y5, (R10)(R8*4)
	POPCNTL    AX, AX
	ADDQ       AX, R8

gatherNext:
	ADDQ $32, SI
	ADDQ $32, DI
	SUBQ $8, CX
	JNZ  gatherLoop
	MOVQ R8, ret+56(FP)
	VZEROUPPER
	RET
