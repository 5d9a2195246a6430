//go:build !purego

#include "textflag.h"

// func xorAVX2(words *uint64, rounds uintptr) uint64
TEXT ·xorAVX2(SB), NOSPLIT, $0-24
	MOVQ  words+0(FP), SI
	MOVQ  rounds+8(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6
	VPXOR Y7, Y7, Y7

round:
	VPXOR 0(SI), Y0, Y0
	VPXOR 32(SI), Y1, Y1
	VPXOR 64(SI), Y2, Y2
	VPXOR 96(SI), Y3, Y3
	VPXOR 128(SI), Y4, Y4
	VPXOR 160(SI), Y5, Y5
	VPXOR 192(SI), Y6, Y6
	VPXOR 224(SI), Y7, Y7
	ADDQ  $256, SI
	DECQ  CX
	JNZ   round

	VPXOR        Y1, Y0, Y0
	VPXOR        Y3, Y2, Y2
	VPXOR        Y5, Y4, Y4
	VPXOR        Y7, Y6, Y6
	VPXOR        Y2, Y0, Y0
	VPXOR        Y6, Y4, Y4
	VPXOR        Y4, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPXOR        X1, X0, X0
	VPSRLDQ      $8, X0, X1
	VPXOR        X1, X0, X0
	VMOVQ        X0, ret+16(FP)
	VZEROUPPER
	RET

// The multiply loops: 14 accumulators, so that none is waited for, and a round
// adds 1*1 to every lane of each. What they return is the sum of one lane over
// the accumulators. The operands of a kernel come from memory and are unpacked
// on the way; here they stay in registers, since the peak is what is wanted.

DATA one<>+0(SB)/4, $1.0
GLOBL one<>(SB), RODATA|NOPTR, $4
DATA ones<>+0(SB)/4, $0x3f803f80 // two bf16 ones
GLOBL ones<>(SB), RODATA|NOPTR, $4

// FOLD adds up the lowest lanes of the accumulators.
#define FOLD \
	VADDSS X1, X0, X0;  \
	VADDSS X2, X0, X0;  \
	VADDSS X3, X0, X0;  \
	VADDSS X4, X0, X0;  \
	VADDSS X5, X0, X0;  \
	VADDSS X6, X0, X0;  \
	VADDSS X7, X0, X0;  \
	VADDSS X8, X0, X0;  \
	VADDSS X9, X0, X0;  \
	VADDSS X10, X0, X0; \
	VADDSS X11, X0, X0; \
	VADDSS X12, X0, X0; \
	VADDSS X13, X0, X0

// CLEAR clears the accumulators, upper parts included.
#define CLEAR \
	VXORPS X0, X0, X0;    \
	VXORPS X1, X1, X1;    \
	VXORPS X2, X2, X2;    \
	VXORPS X3, X3, X3;    \
	VXORPS X4, X4, X4;    \
	VXORPS X5, X5, X5;    \
	VXORPS X6, X6, X6;    \
	VXORPS X7, X7, X7;    \
	VXORPS X8, X8, X8;    \
	VXORPS X9, X9, X9;    \
	VXORPS X10, X10, X10; \
	VXORPS X11, X11, X11; \
	VXORPS X12, X12, X12; \
	VXORPS X13, X13, X13

// func multiplyAVX2(rounds uintptr) float32
TEXT ·multiplyAVX2(SB), NOSPLIT, $0-12
	MOVQ         rounds+0(FP), CX
	VBROADCASTSS one<>(SB), Y14
	CLEAR

round:
	VFMADD231PS Y14, Y14, Y0
	VFMADD231PS Y14, Y14, Y1
	VFMADD231PS Y14, Y14, Y2
	VFMADD231PS Y14, Y14, Y3
	VFMADD231PS Y14, Y14, Y4
	VFMADD231PS Y14, Y14, Y5
	VFMADD231PS Y14, Y14, Y6
	VFMADD231PS Y14, Y14, Y7
	VFMADD231PS Y14, Y14, Y8
	VFMADD231PS Y14, Y14, Y9
	VFMADD231PS Y14, Y14, Y10
	VFMADD231PS Y14, Y14, Y11
	VFMADD231PS Y14, Y14, Y12
	VFMADD231PS Y14, Y14, Y13
	DECQ        CX
	JNZ         round
	FOLD
	VMOVSS      X0, ret+8(FP)
	VZEROUPPER
	RET

// func multiplyAVX512(rounds uintptr) float32
TEXT ·multiplyAVX512(SB), NOSPLIT, $0-12
	MOVQ         rounds+0(FP), CX
	VBROADCASTSS one<>(SB), Z16
	CLEAR

round:
	VFMADD231PS Z16, Z16, Z0
	VFMADD231PS Z16, Z16, Z1
	VFMADD231PS Z16, Z16, Z2
	VFMADD231PS Z16, Z16, Z3
	VFMADD231PS Z16, Z16, Z4
	VFMADD231PS Z16, Z16, Z5
	VFMADD231PS Z16, Z16, Z6
	VFMADD231PS Z16, Z16, Z7
	VFMADD231PS Z16, Z16, Z8
	VFMADD231PS Z16, Z16, Z9
	VFMADD231PS Z16, Z16, Z10
	VFMADD231PS Z16, Z16, Z11
	VFMADD231PS Z16, Z16, Z12
	VFMADD231PS Z16, Z16, Z13
	DECQ        CX
	JNZ         round
	FOLD
	VMOVSS      X0, ret+8(FP)
	VZEROUPPER
	RET

// VDPBF16PS is unknown to Go's assembler. These are VDPBF16PS Z16, Z16, Z(d),
// with d from 0 to 7, and VDPBF16PS Z16, Z16, Z(8+d).
#define VDPBF16PS(d) LONG $0x407EB262; WORD $(0xC052 | (d)<<11)
#define VDPBF16PS8(d) LONG $0x407E3262; WORD $(0xC052 | (d)<<11)

// func multiplyBF16(rounds uintptr) float32
TEXT ·multiplyBF16(SB), NOSPLIT, $0-12
	MOVQ         rounds+0(FP), CX
	VBROADCASTSS ones<>(SB), Z16
	CLEAR

round:
	VDPBF16PS(0)
	VDPBF16PS(1)
	VDPBF16PS(2)
	VDPBF16PS(3)
	VDPBF16PS(4)
	VDPBF16PS(5)
	VDPBF16PS(6)
	VDPBF16PS(7)
	VDPBF16PS8(0)
	VDPBF16PS8(1)
	VDPBF16PS8(2)
	VDPBF16PS8(3)
	VDPBF16PS8(4)
	VDPBF16PS8(5)
	DECQ   CX
	JNZ    round
	FOLD
	VMOVSS X0, ret+8(FP)
	VZEROUPPER
	RET
