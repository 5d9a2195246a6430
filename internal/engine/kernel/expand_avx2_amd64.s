//go:build !purego

#include "textflag.h"
#include "linear_avx2.h"

// Eight dwords: the nibble mask.
DATA fifteens<>+0(SB)/8, $0x0000000f0000000f
DATA fifteens<>+8(SB)/8, $0x0000000f0000000f
DATA fifteens<>+16(SB)/8, $0x0000000f0000000f
DATA fifteens<>+24(SB)/8, $0x0000000f0000000f
GLOBL fifteens<>(SB), RODATA|NOPTR, $32

// Eight dwords: what Q4_0 takes off.
DATA eights<>+0(SB)/8, $0x0000000800000008
DATA eights<>+8(SB)/8, $0x0000000800000008
DATA eights<>+16(SB)/8, $0x0000000800000008
DATA eights<>+24(SB)/8, $0x0000000800000008
GLOBL eights<>(SB), RODATA|NOPTR, $32

// Quantised tiles (pack.go) expanded to float32 for linear_groups_avx2_amd64.s:
// [32 k][16 outputs] weights, [16] scales, [16] minima, of which formats without them
// leave what was there.
//
//	SI  tile    DI  expanded tile
//	AX  how far from a tile are those that it asks memory for
//	CX  quarter of the tile, 8 k, counting down
//	DX  tiles, counting down
//	Y15 mask

#define ARGUMENTS \
	MOVQ wide+0(FP), DI;    \
	MOVQ tiles+8(FP), SI;   \
	MOVQ blocks+16(FP), DX; \
	MOVQ ahead+24(FP), AX

#define TILES(QUARTER, TILE_STEP, SCALES, REST) \
tile:                      \
	MOVQ $4, CX;           \
quarter:                   \
	QUARTER;               \
	ADDQ $TILE_STEP, SI;   \
	ADDQ $512, DI;         \
	DECQ CX;               \
	JNZ  quarter;          \
	PREFETCHT1 (SI)(AX*1); \
	SCALES;                \
	ADDQ $REST, SI;        \
	ADDQ $128, DI;         \
	DECQ DX;               \
	JNZ  tile;             \
	VZEROUPPER;            \
	RET

// NIBBLE is that at bit BIT of Y0's dwords, k K of the quarter; OFFSET is what is
// done to the integers before they become floats.
#define NIBBLE(BIT, K, HALF, OFFSET) \
	VPSRLD    $BIT, Y0, Y1; \
	VPAND     Y15, Y1, Y1;  \
	OFFSET;                 \
	VCVTDQ2PS Y1, Y1;       \
	VMOVUPS   Y1, (64*K+HALF)(DI)

// SCALE widens the 16 halves at AT.
#define SCALE(AT, TO) \
	VCVTPH2PS (AT)(SI), Y0;    \
	VCVTPH2PS (AT+16)(SI), Y1; \
	VMOVUPS   Y0, (TO)(DI);    \
	VMOVUPS   Y1, (TO+32)(DI)

#define SCALE_MINIMUM \
	SCALE(0, 0); \
	SCALE(32, 64)

#define UNSIGNED

#define LESS8 \
	VPSUBD eights<>(SB), Y1, Y1

#define NIBBLES(HALF, OFFSET) \
	VMOVDQU HALF(SI), Y0;        \
	NIBBLE(0, 0, HALF, OFFSET);  \
	NIBBLE(16, 1, HALF, OFFSET); \
	NIBBLE(4, 2, HALF, OFFSET);  \
	NIBBLE(20, 3, HALF, OFFSET); \
	NIBBLE(8, 4, HALF, OFFSET);  \
	NIBBLE(24, 5, HALF, OFFSET); \
	NIBBLE(12, 6, HALF, OFFSET); \
	NIBBLE(28, 7, HALF, OFFSET)

#define Q4(OFFSET) \
	PREFETCHT1 (SI)(AX*1); \
	NIBBLES(0, OFFSET);    \
	NIBBLES(32, OFFSET)

// BYTES is 16 signed bytes, of k K of the quarter.
#define BYTES(K) \
	VPMOVSXBD (16*K)(SI), Y0;   \
	VPMOVSXBD (16*K+8)(SI), Y1; \
	VCVTDQ2PS Y0, Y0;           \
	VCVTDQ2PS Y1, Y1;           \
	VMOVUPS   Y0, (64*K)(DI);   \
	VMOVUPS   Y1, (64*K+32)(DI)

#define Q8 \
	PREFETCHT1 (SI)(AX*1);   \
	PREFETCHT1 64(SI)(AX*1); \
	BYTES(0);                \
	BYTES(1);                \
	BYTES(2);                \
	BYTES(3);                \
	BYTES(4);                \
	BYTES(5);                \
	BYTES(6);                \
	BYTES(7)

// func expandQ41Y(wide, tiles *byte, blocks, ahead uintptr)
TEXT ·expandQ41Y(SB), NOSPLIT, $0-32
	ARGUMENTS
	VMOVDQU fifteens<>(SB), Y15
	TILES(Q4(UNSIGNED), 64, SCALE_MINIMUM, 64)

// func expandQ40Y(wide, tiles *byte, blocks, ahead uintptr)
TEXT ·expandQ40Y(SB), NOSPLIT, $0-32
	ARGUMENTS
	VMOVDQU fifteens<>(SB), Y15
	TILES(Q4(LESS8), 64, SCALE(0, 0), 32)

// func expandQ8Y(wide, tiles *byte, blocks, ahead uintptr)
TEXT ·expandQ8Y(SB), NOSPLIT, $0-32
	ARGUMENTS
	TILES(Q8, 128, SCALE(0, 0), 32)

// PAIR is a pair of k of one bf16 plane, 16 outputs.
#define PAIR(K) \
	VMOVDQU (32*K)(SI), Y0;        \
	VMOVDQU (32*K+32)(SI), Y1;     \
	VPSLLD  $16, Y0, Y2;           \
	VMOVUPS Y2, (64*K)(DI);        \
	VPSLLD  $16, Y1, Y3;           \
	VMOVUPS Y3, (64*K+32)(DI);     \
	VPAND   Y15, Y0, Y0;           \
	VMOVUPS Y0, (64*(K+1))(DI);    \
	VPAND   Y15, Y1, Y1;           \
	VMOVUPS Y1, (64*(K+1)+32)(DI)

// func expandBF16Y(wide, tiles *byte, blocks, soon, later uintptr)
// Each quarter of a tile asks for four lines of memory at soon and at later.
TEXT ·expandBF16Y(SB), NOSPLIT, $0-40
	MOVQ    wide+0(FP), DI
	MOVQ    tiles+8(FP), SI
	MOVQ    blocks+16(FP), DX
	MOVQ    soon+24(FP), AX
	MOVQ    later+32(FP), BX
	VMOVDQU uppers<>(SB), Y15

tile:
	MOVQ $4, CX

quarter:
	PREFETCHT1 (AX)
	PREFETCHT1 64(AX)
	PREFETCHT1 128(AX)
	PREFETCHT1 192(AX)
	PREFETCHT1 (BX)
	PREFETCHT1 64(BX)
	PREFETCHT1 128(BX)
	PREFETCHT1 192(BX)
	PAIR(0)
	PAIR(2)
	PAIR(4)
	PAIR(6)
	ADDQ $256, SI
	ADDQ $256, AX
	ADDQ $256, BX
	ADDQ $512, DI
	DECQ CX
	JNZ  quarter
	ADDQ $128, DI
	DECQ DX
	JNZ  tile
	VZEROUPPER
	RET
