//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// Selection on NEON; select.go has the definitions. Vectors have 4 lanes.

// MASS adds the halves of the masses of register W, beside logits in register X,
// to V8 and V9. V20 is the floor, V21 the least weight, V22 2^21; V16 and V17
// are scratch. The product is w*2^21, 0 where it does not count; V16 and V17 are
// the same, cut off; what is left, times 2^21 and cut off, is the lower half.
#define MASS(X, W) \
	VFCMGE(20, X, 16);              \
	VFCMGE(21, W, 17);              \
	VAND V16.B16, V17.B16, V16.B16; \
	VFMUL(22, W, 17);               \
	VAND V16.B16, V17.B16, V18.B16; \
	VFCVTZS(18, 16);                \
	VFRINTZ(18, 17);                \
	VADD V16.S4, V8.S4, V8.S4;      \
	VFSUB(17, 18, 18);              \
	VFMUL(22, 18, 18);              \
	VFCVTZS(18, 18);                \
	VADD V18.S4, V9.S4, V9.S4

// func massFromNEON(x, w *float32, n uintptr, floor, least float32) (upper, lower uint32)
// n is a multiple of 16, at least 16 and at most 16*massCallVectors.
TEXT ·massFromNEON(SB), NOSPLIT, $0-40
	MOVD  x+0(FP), R0
	MOVD  w+8(FP), R1
	MOVD  n+16(FP), R2
	FMOVS floor+24(FP), F20
	FMOVS least+28(FP), F21
	MOVW  $0x4a000000, R3 // 2^21
	VDUP  V20.S[0], V20.S4
	VDUP  V21.S[0], V21.S4
	VDUP  R3, V22.S4
	VMOVI $0, V8.B16      // sums of upper halves
	VMOVI $0, V9.B16      // sums of lower halves

massLoop:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	MASS(0, 4)
	MASS(1, 5)
	MASS(2, 6)
	MASS(3, 7)
	SUBS   $16, R2
	BNE    massLoop
	VADDV  V8.S4, V8
	VADDV  V9.S4, V9
	VMOV   V8.S[0], R3
	VMOV   V9.S[0], R4
	MOVW   R3, upper+32(FP)
	MOVW   R4, lower+36(FP)
	RET

// func countFromNEON(x *float32, n uintptr, floor float32) uint32
// n is a multiple of 16, at least 16. A lane that counts is -1.
TEXT ·countFromNEON(SB), NOSPLIT, $0-28
	MOVD  x+0(FP), R0
	MOVD  n+8(FP), R1
	FMOVS floor+16(FP), F20
	VDUP  V20.S[0], V20.S4
	VMOVI $0, V8.B16

countLoop:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VFCMGE(20, 0, 0)
	VFCMGE(20, 1, 1)
	VFCMGE(20, 2, 2)
	VFCMGE(20, 3, 3)
	VADD   V1.S4, V0.S4, V0.S4
	VADD   V3.S4, V2.S4, V2.S4
	VADD   V2.S4, V0.S4, V0.S4
	VSUB   V0.S4, V8.S4, V8.S4
	SUBS   $16, R1
	BNE    countLoop
	VADDV  V8.S4, V8
	VMOV   V8.S[0], R1
	MOVW   R1, ret+24(FP)
	RET

DATA laneBits<>+0(SB)/4, $1
DATA laneBits<>+4(SB)/4, $2
DATA laneBits<>+8(SB)/4, $4
DATA laneBits<>+12(SB)/4, $8
GLOBL laneBits<>(SB), RODATA|NOPTR, $16

// func gatherNEON(dstX *float32, dstY *uint32, x *float32, y *uint32, n uintptr, above, below float32, front *[16]moves) uintptr
// n is a multiple of 16, at least 16. Whole vectors are stored, the elements
// that count at the front: at least as many have been read. An element of front
// has 32 bytes.
TEXT ·gatherNEON(SB), NOSPLIT, $0-64
	MOVD  dstX+0(FP), R0
	MOVD  dstY+8(FP), R1
	MOVD  x+16(FP), R2
	MOVD  y+24(FP), R3
	MOVD  n+32(FP), R4
	FMOVS above+40(FP), F20
	FMOVS below+44(FP), F21
	MOVD  front+48(FP), R5
	VDUP  V20.S[0], V20.S4
	VDUP  V21.S[0], V21.S4
	MOVD  $laneBits<>(SB), R6
	VLD1  (R6), [V22.S4]
	MOVD  R0, R9

gatherLoop:
	VLD1.P 16(R2), [V0.S4]
	VLD1.P 16(R3), [V1.S4]
	VFCMGT(20, 0, 2)                 // x > above
	VFCMGT(0, 21, 3)                 // below > x
	VAND   V22.B16, V2.B16, V2.B16
	VAND   V3.B16, V2.B16, V2.B16
	VADDV  V2.S4, V2                 // the mask
	VMOV   V2.S[0], R6
	CBZ    R6, gatherNext
	ADD    R6<<5, R5, R7
	VLD1   (R7), [V4.B16]
	MOVD   16(R7), R8
	VTBL   V4.B16, [V0.B16], V0.B16
	VTBL   V4.B16, [V1.B16], V1.B16
	VST1   [V0.S4], (R0)
	VST1   [V1.S4], (R1)
	ADD    R8, R0
	ADD    R8, R1

gatherNext:
	SUBS $4, R4
	BNE  gatherLoop
	SUB  R9, R0
	LSR  $2, R0
	MOVD R0, ret+56(FP)
	RET
