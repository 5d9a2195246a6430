//go:build !purego

#include "textflag.h"

// Storing keys and values on AVX2; kvlayout.go has the definition. A tile of the
// hi plane is 1024 bytes, the one of the lo plane follows it.

#define TILES DI
#define X SI
#define LEFT CX // pairs of tiles

#define INTONE Y11
#define HALFDOWN Y12
#define EXPONENT Y13
#define UPPER Y14
#define FLUSH Y15 // twice flushBits, as the magnitude is doubled to lose its sign

#define BROADCAST(VALUE, V, Y) \
	MOVL $VALUE, AX;     \
	VMOVD AX, V;         \
	VPBROADCASTD V, Y

#define LOAD_CONSTANTS \
	BROADCAST(1, X11, INTONE);            \
	BROADCAST(0x7fff, X12, HALFDOWN);     \
	BROADCAST(0x7f800000, X13, EXPONENT); \
	BROADCAST(0xffff0000, X14, UPPER);    \
	BROADCAST(0x47000000, X15, FLUSH)

// TO_BF16 sets OUT to toBF16 (bf16.go) of V; T and U are scratch. First
// V + 0x7fff + (V>>16 & 1), but V itself where it is NaN or infinite; then the
// upper half, and 0 where the magnitude is below flushBelow.
#define TO_BF16(V, OUT, T, U) \
	VPSRLD    $16, V, OUT;         \
	VPAND     INTONE, OUT, OUT;    \
	VPADDD    HALFDOWN, OUT, OUT;  \
	VPADDD    V, OUT, OUT;         \
	VPAND     EXPONENT, V, T;      \
	VPCMPEQD  EXPONENT, T, T;      \
	VBLENDVPS T, V, OUT, OUT;      \
	VPAND     UPPER, OUT, OUT;     \
	VPADDD    OUT, OUT, T;         \
	VPMAXUD   FLUSH, T, U;         \
	VPCMPEQD  U, T, T;             \
	VPAND     T, OUT, OUT

// SPLIT leaves the planes of 16 values, AT bytes on: hi in Y2 and Y3, lo in Y4
// and Y5. Y0, Y1, Y6 and Y7 are scratch.
#define SPLIT(AT) \
	VMOVUPS AT(X), Y0;           \
	VMOVUPS (AT+32)(X), Y1;      \
	TO_BF16(Y0, Y2, Y6, Y7);     \
	TO_BF16(Y1, Y3, Y6, Y7);     \
	VSUBPS  Y2, Y0, Y0;          \
	VSUBPS  Y3, Y1, Y1;          \
	TO_BF16(Y0, Y4, Y6, Y7);     \
	TO_BF16(Y1, Y5, Y6, Y7)

// SCATTER4 stores the four dwords of V to rows 0, 1, 4 and 5 from AT.
#define SCATTER4(V, AT) \
	VMOVD   V, AT(TILES);              \
	VPEXTRD $1, V, (AT+64)(TILES);     \
	VPEXTRD $2, V, (AT+4*64)(TILES);   \
	VPEXTRD $3, V, (AT+5*64)(TILES)

// SCATTER8 stores 16 values of one plane, the upper halves of A and B, as pairs
// to 8 rows of a tile from AT. Packed, the halves of A have rows 0, 1, 4 and 5,
// and 2, 3, 6 and 7. X6 is the lower half of Y6.
#define SCATTER8(A, B, AT) \
	VPSRLD       $16, A, A;    \
	VPSRLD       $16, B, B;    \
	VPACKUSDW    B, A, Y6;     \
	VEXTRACTI128 $1, Y6, X7;   \
	SCATTER4(X6, AT);          \
	SCATTER4(X7, AT+2*64)

// func storeKeyAVX2(tiles *byte, key *float32, blocks uintptr)
TEXT ·storeKeyAVX2(SB), NOSPLIT, $0-24
	MOVQ tiles+0(FP), TILES
	MOVQ key+8(FP), X
	MOVQ blocks+16(FP), LEFT
	LOAD_CONSTANTS

keyLoop:
	SPLIT(0)
	SCATTER8(Y2, Y3, 0)
	SCATTER8(Y4, Y5, 1024)
	SPLIT(64)
	SCATTER8(Y2, Y3, 8*64)
	SCATTER8(Y4, Y5, 1024+8*64)
	ADDQ $128, X
	ADDQ $2048, TILES
	DECQ LEFT
	JNZ  keyLoop
	VZEROUPPER
	RET

// UPPER4 stores the upper halves of the four dwords of V as 16-bit elements, 4
// bytes apart from AT.
#define UPPER4(V, AT) \
	VPEXTRW $1, V, AT(TILES);       \
	VPEXTRW $3, V, (AT+4)(TILES);   \
	VPEXTRW $5, V, (AT+8)(TILES);   \
	VPEXTRW $7, V, (AT+12)(TILES)

// UPPER16 does so with 16 dwords: A and B, of which XA and XB are the lower
// halves.
#define UPPER16(A, XA, B, XB, AT) \
	UPPER4(XA, AT);            \
	VEXTRACTI128 $1, A, X6;    \
	UPPER4(X6, AT+16);         \
	UPPER4(XB, AT+32);         \
	VEXTRACTI128 $1, B, X7;    \
	UPPER4(X7, AT+48)

// func storeValueAVX2(tiles *byte, value *float32, count uintptr)
TEXT ·storeValueAVX2(SB), NOSPLIT, $0-24
	MOVQ tiles+0(FP), TILES
	MOVQ value+8(FP), X
	MOVQ count+16(FP), LEFT
	LOAD_CONSTANTS

valueLoop:
	SPLIT(0)
	UPPER16(Y2, X2, Y3, X3, 0)
	UPPER16(Y4, X4, Y5, X5, 1024)
	ADDQ $64, X
	ADDQ $2048, TILES
	DECQ LEFT
	JNZ  valueLoop
	VZEROUPPER
	RET
