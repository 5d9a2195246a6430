//go:build !purego

#include "textflag.h"
#include "neon_arm64.h"

// Storing keys and values on NEON; kvlayout.go has the definition. A tile of the
// hi plane is 1024 bytes, the one of the lo plane follows it.

#define TILES R0
#define X R1
#define LEFT R2 // pairs of tiles
#define STEP R3 // bytes from one stored element to the next
#define AT R4   // where the next one goes

#define INTONE V27
#define HALFDOWN V28
#define EXPONENT V29
#define UPPER V30
#define FLUSH 31 // twice flushBits, as the magnitude is doubled to lose its sign

#define LOAD_CONSTANTS \
	MOVW $1, R5;            \
	VDUP R5, V27.S4;        \
	MOVW $0x7fff, R5;       \
	VDUP R5, V28.S4;        \
	MOVW $0x7f800000, R5;   \
	VDUP R5, V29.S4;        \
	MOVW $0xffff0000, R5;   \
	VDUP R5, V30.S4;        \
	MOVW $0x47000000, R5;   \
	VDUP R5, V31.S4

// TO_BF16 sets OUT to toBF16 (bf16.go) of V; V17 is scratch. First
// V + 0x7fff + (V>>16 & 1), but V itself where it is NaN or infinite; then the
// upper half, and 0 where the magnitude is below flushBelow.
#define TO_BF16(V, OUT) \
	VUSHR $16, V.S4, OUT.S4;               \
	VAND  INTONE.B16, OUT.B16, OUT.B16;    \
	VADD  HALFDOWN.S4, OUT.S4, OUT.S4;     \
	VADD  V.S4, OUT.S4, OUT.S4;            \
	VAND  EXPONENT.B16, V.B16, V17.B16;    \
	VCMEQ EXPONENT.S4, V17.S4, V17.S4;     \
	VBIT  V17.B16, V.B16, OUT.B16;         \
	VAND  UPPER.B16, OUT.B16, OUT.B16;     \
	VSHL  $1, OUT.S4, V17.S4;              \
	VCMHS(FLUSH, 17, 17);                  \
	VAND  V17.B16, OUT.B16, OUT.B16

// SPLIT leaves the hi plane of V0 to V3 in V4 to V7, and the lo plane in V0 to
// V3.
#define SPLIT \
	TO_BF16(V0, V4);   \
	TO_BF16(V1, V5);   \
	TO_BF16(V2, V6);   \
	TO_BF16(V3, V7);   \
	VFSUB(4, 0, 18);   /* x - hi */ \
	VFSUB(5, 1, 19);   \
	VFSUB(6, 2, 20);   \
	VFSUB(7, 3, 21);   \
	TO_BF16(V18, V0);  \
	TO_BF16(V19, V1);  \
	TO_BF16(V20, V2);  \
	TO_BF16(V21, V3)

// SCATTER4 stores 8 values of one plane, the upper halves of A and B, as pairs
// to 4 rows of a tile. V16 is scratch.
#define SCATTER4(A, B) \
	VUZP2  B.H8, A.H8, V16.H8;     \
	VST1.P V16.S[0], (AT)(STEP);   \
	VST1.P V16.S[1], (AT)(STEP);   \
	VST1.P V16.S[2], (AT)(STEP);   \
	VST1.P V16.S[3], (AT)(STEP)

// SCATTER stores the planes of 16 values as pairs to 8 rows of two tiles.
#define SCATTER(ROW) \
	ADD $(ROW*64), TILES, AT;        \
	SCATTER4(V4, V5);                \
	SCATTER4(V6, V7);                \
	ADD $(1024+ROW*64), TILES, AT;   \
	SCATTER4(V0, V1);                \
	SCATTER4(V2, V3)

// func storeKeyNEON(tiles *byte, key *float32, blocks uintptr)
TEXT ·storeKeyNEON(SB), NOSPLIT, $0-24
	MOVD tiles+0(FP), TILES
	MOVD key+8(FP), X
	MOVD blocks+16(FP), LEFT
	MOVD $64, STEP
	LOAD_CONSTANTS

keyLoop:
	VLD1.P 64(X), [V0.S4, V1.S4, V2.S4, V3.S4]
	SPLIT
	SCATTER(0)
	VLD1.P 64(X), [V0.S4, V1.S4, V2.S4, V3.S4]
	SPLIT
	SCATTER(8)
	ADD    $2048, TILES
	SUBS   $1, LEFT
	BNE    keyLoop
	RET

// UPPER4 stores the upper halves of the four dwords of V as 16-bit elements.
#define UPPER4(V) \
	VST1.P V.H[1], (AT)(STEP);   \
	VST1.P V.H[3], (AT)(STEP);   \
	VST1.P V.H[5], (AT)(STEP);   \
	VST1.P V.H[7], (AT)(STEP)

// func storeValueNEON(tiles *byte, value *float32, count uintptr)
TEXT ·storeValueNEON(SB), NOSPLIT, $0-24
	MOVD tiles+0(FP), TILES
	MOVD value+8(FP), X
	MOVD count+16(FP), LEFT
	MOVD $4, STEP
	LOAD_CONSTANTS

valueLoop:
	VLD1.P 64(X), [V0.S4, V1.S4, V2.S4, V3.S4]
	SPLIT
	MOVD   TILES, AT
	UPPER4(V4)
	UPPER4(V5)
	UPPER4(V6)
	UPPER4(V7)
	ADD    $1024, TILES, AT
	UPPER4(V0)
	UPPER4(V1)
	UPPER4(V2)
	UPPER4(V3)
	ADD    $2048, TILES
	SUBS   $1, LEFT
	BNE    valueLoop
	RET
