//go:build !purego

#include "textflag.h"
#include "bf16_avx512.h"

#define ARGUMENTS \
	MOVQ data+0(FP), DX;  \
	MOVQ sums+8(FP), DI;  \
	MOVQ x+16(FP), SI;    \
	MOVQ blocks+24(FP), CX

// A block's hi planes to Z2 and Z3, lo to Z5 and Z6, x in Z0 and Z1.
#define SPLIT \
	VMOVUPS (SI), Z0;     \
	VMOVUPS 64(SI), Z1;   \
	TO_BF16(Z0, Z2, Z4);  \
	TO_BF16(Z1, Z3, Z4);  \
	VSUBPS  Z2, Z0, Z5;   \
	VSUBPS  Z3, Z1, Z6;   \
	TO_BF16(Z5, Z7, Z4);  \
	TO_BF16(Z6, Z8, Z4);  \
	VMOVDQA32 Z7, Z5;     \
	VMOVDQA32 Z8, Z6

// The block's sum: 32 to 16, then in halves.
#define SUM \
	VADDPS        Z1, Z0, Z0;   \
	VEXTRACTF64X4 $1, Z0, Y1;   \
	VADDPS        Y1, Y0, Y0;   \
	VEXTRACTF128  $1, Y0, X1;   \
	VADDPS        X1, X0, X0;   \
	VPERMILPS     $0x4e, X0, X1; \
	VADDPS        X1, X0, X0;   \
	VPERMILPS     $0xb1, X0, X1; \
	VADDPS        X1, X0, X0;   \
	VMOVSS        X0, (DI)

// The upper halves of A and B, 32 words, to A.
#define HALVES(A, B, AY, BY) \
	VPSRLD       $16, A, A;     \
	VPSRLD       $16, B, B;     \
	VPMOVDW      A, AY;         \
	VPMOVDW      B, BY;         \
	VINSERTI64X4 $1, BY, A, A

#define NEXT(LOOP, BYTES) \
	ADDQ $128, SI;   \
	ADDQ $BYTES, DX; \
	ADDQ $4, DI;     \
	DECQ CX;         \
	JNZ  LOOP;       \
	VZEROUPPER;      \
	RET

// func splitFloatsAVX512(data *byte, sums, x *float32, blocks uintptr)
TEXT ·splitFloatsAVX512(SB), NOSPLIT, $0-32
	ARGUMENTS
	LOAD_CONSTANTS

loop:
	SPLIT
	VMOVUPS Z2, (DX)
	VMOVUPS Z3, 64(DX)
	VMOVUPS Z5, 128(DX)
	VMOVUPS Z6, 192(DX)
	SUM
	NEXT(loop, 256)

// func splitTileRowsAVX512(data *byte, sums, x *float32, blocks uintptr)
TEXT ·splitTileRowsAVX512(SB), NOSPLIT, $0-32
	ARGUMENTS
	LOAD_CONSTANTS

loop:
	SPLIT
	HALVES(Z2, Z3, Y2, Y3)
	HALVES(Z5, Z6, Y5, Y6)
	VMOVDQU32 Z2, (DX)
	VMOVDQU32 Z5, 64(DX)
	SUM
	NEXT(loop, 128)

// Bytes of four words in a row: the third, the first, the fourth, the second.
DATA quadOrder<>+0(SB)/8, $0x0302070601000504
DATA quadOrder<>+8(SB)/8, $0x0b0a0f0e09080d0c
GLOBL quadOrder<>(SB), RODATA|NOPTR, $16

// VCVTNE2PS2BF16: the 16 float32 of LOW and the 16 of HIGH to the 32 bf16 of OUT.
// EVEX.512.F2.0F38.W0 72 /r; the assembler does not know it. Arguments are numbers
// of registers, 0 to 7. It rounds to nearest even, and takes denormals for zero.
#define VCVTNE2PS2BF16(LOW, HIGH, OUT) \
	LONG $(0x4807f262 | ((15-(HIGH))<<19)); \
	WORD $(0xc072 | (((OUT)*8+(LOW))<<8))

// Z23 has the bits of flushBelow, Z24 those of a magnitude.
#define FLUSH_HALVES(A, T) \
	VPANDD      Z24, A, T;      \
	VPCMPUW     $5, Z23, T, K1; \
	VMOVDQU16.Z A, K1, A

// func splitQuadsAVX512(data *byte, sums, x *float32, blocks uintptr)
TEXT ·splitQuadsAVX512(SB), NOSPLIT, $0-32
	ARGUMENTS
	BROADCAST(0x23802380, Z23)
	BROADCAST(0x7fff7fff, Z24)
	VBROADCASTI32X4 quadOrder<>(SB), Z22

loop:
	VMOVUPS       (SI), Z0
	VMOVUPS       64(SI), Z1
	VCVTNE2PS2BF16(0, 1, 2)
	FLUSH_HALVES(Z2, Z3)
	VPMOVZXWD     Y2, Z4
	VEXTRACTI64X4 $1, Z2, Y5
	VPMOVZXWD     Y5, Z5
	VPSLLD        $16, Z4, Z4
	VPSLLD        $16, Z5, Z5
	VSUBPS        Z4, Z0, Z4
	VSUBPS        Z5, Z1, Z5
	VCVTNE2PS2BF16(4, 5, 6)
	FLUSH_HALVES(Z6, Z3)
	VPSHUFB       Z22, Z2, Z2
	VPSHUFB       Z22, Z6, Z6
	VMOVDQU32     Z2, (DX)
	VMOVDQU32     Z6, 64(DX)
	SUM
	NEXT(loop, 128)
