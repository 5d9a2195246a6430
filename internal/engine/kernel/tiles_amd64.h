// Instructions on tiles of matrices (AMX), which the assembler does not know.
// T, C, A and B are tile numbers, BASE and INDEX those of registers: AX 0, CX 1,
// DX 2, BX 3, SI 6, DI 7, R8 8 and so on. BASE is not BP or R13.

// LDTILECFG (AX)
#define LDTILECFG_AX BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x00

#define TILERELEASE BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0

// T = 0
#define TILEZERO(T) BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $(0xc0 | ((T)<<3))

// T = rows at BASE+DISP, INDEX bytes apart; and the way back.
#define TILELOADD(T, DISP, BASE, INDEX) \
	BYTE $0xc4; BYTE $(0xe2 ^ (((INDEX)&8)<<3) ^ (((BASE)&8)<<2)); BYTE $0x7b; BYTE $0x4b; \
	BYTE $(0x84 | ((T)<<3)); BYTE $((((INDEX)&7)<<3) | ((BASE)&7)); LONG $(DISP)

#define TILESTORED(T, DISP, BASE, INDEX) \
	BYTE $0xc4; BYTE $(0xe2 ^ (((INDEX)&8)<<3) ^ (((BASE)&8)<<2)); BYTE $0x7a; BYTE $0x4b; \
	BYTE $(0x84 | ((T)<<3)); BYTE $((((INDEX)&7)<<3) | ((BASE)&7)); LONG $(DISP)

// C += A . B: for each row of A and column of B the products of the lower halves
// of A's dwords in one chain, those of the upper in another, then their sum.
#define TDPBF16PS(C, A, B) \
	BYTE $0xc4; BYTE $0xe2; BYTE $(0x02 | ((15-(B))<<3)); BYTE $0x5c; BYTE $(0xc0 | ((C)<<3) | (A))
