//go:build !purego

#include "textflag.h"
#include "bf16_avx512.h"

// Storing keys and values on AVX-512; kvlayout.go has the definition. A tile of
// the hi plane is 1024 bytes, the one of the lo plane follows it.

#define TILES DI
#define X SI
#define LEFT CX // pairs of tiles

// SCATTER4 stores the four dwords of V at AT and every other row from there, as
// pairs of 8 dimensions of two halves of a block lie: rows 0, 1, 8 and 9.
#define SCATTER4(V, AT) \
	VMOVD   V, AT(TILES);                \
	VPEXTRD $1, V, (AT+64)(TILES);       \
	VPEXTRD $2, V, (AT+8*64)(TILES);     \
	VPEXTRD $3, V, (AT+9*64)(TILES)

// SCATTER stores the 16 dwords of Z0 to the 16 rows of a tile. Quarter j of Z0
// has rows 2j, 2j+1, 8+2j and 9+2j.
#define SCATTER(AT) \
	VEXTRACTI32X4 $1, Z0, X1; \
	VEXTRACTI32X4 $2, Z0, X2; \
	VEXTRACTI32X4 $3, Z0, X3; \
	SCATTER4(X0, AT);         \
	SCATTER4(X1, AT+2*64);    \
	SCATTER4(X2, AT+4*64);    \
	SCATTER4(X3, AT+6*64)

// func storeKeyAVX512(tiles *byte, key *float32, blocks uintptr)
TEXT ·storeKeyAVX512(SB), NOSPLIT, $0-24
	MOVQ tiles+0(FP), TILES
	MOVQ key+8(FP), X
	MOVQ blocks+16(FP), LEFT
	LOAD_CONSTANTS

keyLoop:
	VMOVUPS   (X), Z4          // dimensions 0 to 15
	VMOVUPS   64(X), Z5        // 16 to 31
	TO_BF16(Z4, Z6, Z8)
	TO_BF16(Z5, Z7, Z8)
	VPSRLD    $16, Z6, Z0
	VPSRLD    $16, Z7, Z1
	VPACKUSDW Z1, Z0, Z0       // by quarters: 4 of the first 16, 4 of the others
	SCATTER(0)
	VSUBPS    Z6, Z4, Z4       // x - hi
	VSUBPS    Z7, Z5, Z5
	TO_BF16(Z4, Z6, Z8)
	TO_BF16(Z5, Z7, Z8)
	VPSRLD    $16, Z6, Z0
	VPSRLD    $16, Z7, Z1
	VPACKUSDW Z1, Z0, Z0
	SCATTER(1024)
	ADDQ      $128, X
	ADDQ      $2048, TILES
	DECQ      LEFT
	JNZ       keyLoop
	VZEROUPPER
	RET

#define SHIFT X9 // moves the bf16 to its half of the dword
#define HALF K2  // the 16-bit elements of that half

// func storeValueAVX512(tiles *byte, value *float32, count, odd uintptr)
TEXT ·storeValueAVX512(SB), NOSPLIT, $0-32
	MOVQ  odd+24(FP), CX
	MOVL  $0x55555555, AX
	SHLL  CX, AX
	KMOVD AX, HALF            // the lower halves, or with odd the upper
	XORL  $1, CX
	SHLL  $4, CX
	VMOVD CX, SHIFT           // 16, or with odd 0
	MOVQ  tiles+0(FP), TILES
	MOVQ  value+8(FP), X
	MOVQ  count+16(FP), LEFT
	LOAD_CONSTANTS

valueLoop:
	VMOVUPS   (X), Z0
	TO_BF16(Z0, Z1, Z3)
	VSUBPS    Z1, Z0, Z0      // x - hi
	TO_BF16(Z0, Z2, Z3)
	VPSRLD    SHIFT, Z1, Z1
	VPSRLD    SHIFT, Z2, Z2
	VMOVDQU16 Z1, HALF, (TILES)
	VMOVDQU16 Z2, HALF, 1024(TILES)
	ADDQ      $64, X
	ADDQ      $2048, TILES
	DECQ      LEFT
	JNZ       valueLoop
	VZEROUPPER
	RET
