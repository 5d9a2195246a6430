// What the AVX-512 kernels of the linear layer share: one panel of 16 outputs,
// 1 to 6 rows of planes, any number of blocks. The definition is linearGeneric.
//
// Registers of row r, one lane an output:
//	Z(r)     even k, hi plane      Z(6+r)   odd k, hi plane
//	Z(12+r)  even k, lo plane      Z(18+r)  odd k, lo plane
//
//	SI  x, at this block's hi plane; rows R8, R9 = 3*R8, R10 = 5*R8 apart
//	DX  out; rows R11, R12 = 3*R11, R13 = 5*R11 apart
//	BX  sums, at this block; rows AX, R14 = 3*AX, R15 = 5*AX apart; or, with two
//	    weight planes, BX and AX are memory to ask for (SOON)
//	DI  tile                       CX  scratch
//
// K3 is 0 where the first block's sums begin at +0 instead of out.
//
// A file that includes this one defines SCALES, MINIMA and SCRATCH: registers
// that are free at the end of a block.

// Row addresses, from a base and the row stride with its multiples.
#define ROW0(OFF, B, S1, S3, S5) (OFF)(B)
#define ROW1(OFF, B, S1, S3, S5) (OFF)(B)(S1*1)
#define ROW2(OFF, B, S1, S3, S5) (OFF)(B)(S1*2)
#define ROW3(OFF, B, S1, S3, S5) (OFF)(B)(S3*1)
#define ROW4(OFF, B, S1, S3, S5) (OFF)(B)(S1*4)
#define ROW5(OFF, B, S1, S3, S5) (OFF)(B)(S5*1)

// EACH1 to EACH6 do OP, with its argument A, for that many rows.
#define EACH1(OP, A) OP(A, 0, ROW0, Z0, Z6, Z12, Z18)
#define EACH2(OP, A) EACH1(OP, A); OP(A, 1, ROW1, Z1, Z7, Z13, Z19)
#define EACH3(OP, A) EACH2(OP, A); OP(A, 2, ROW2, Z2, Z8, Z14, Z20)
#define EACH4(OP, A) EACH3(OP, A); OP(A, 3, ROW3, Z3, Z9, Z15, Z21)
#define EACH5(OP, A) EACH4(OP, A); OP(A, 4, ROW4, Z4, Z10, Z16, Z22)
#define EACH6(OP, A) EACH5(OP, A); OP(A, 5, ROW5, Z5, Z11, Z17, Z23)

// A row's start of block: all chains at +0.
#define CLEAR(A, N, ROW, HE, HO, LE, LO) \
	VPXORD HE, HE, HE; \
	VPXORD HO, HO, HO; \
	VPXORD LE, LE, LE; \
	VPXORD LO, LO, LO

// A row's end of block: t = (he + ho) + (le + lo); out += t*d.
#define SCALE(A, N, ROW, HE, HO, LE, LO) \
	VADDPS  HO, HE, HE;                        \
	VADDPS  LO, LE, LE;                        \
	VADDPS  LE, HE, HE;                        \
	VMULPS  SCALES, HE, HE;                    \
	VMOVUPS.Z ROW(0, DX, R11, R12, R13), K3, SCRATCH; \
	VADDPS  SCRATCH, HE, HE;                   \
	VMOVUPS HE, ROW(0, DX, R11, R12, R13)

// The same, then out += m*s.
#define SCALEMIN(A, N, ROW, HE, HO, LE, LO) \
	VADDPS      HO, HE, HE;                               \
	VADDPS      LO, LE, LE;                               \
	VADDPS      LE, HE, HE;                               \
	VMULPS      SCALES, HE, HE;                           \
	VMOVUPS.Z   ROW(0, DX, R11, R12, R13), K3, SCRATCH;    \
	VADDPS      SCRATCH, HE, HE;                          \
	VMULPS.BCST ROW(0, BX, AX, R14, R15), MINIMA, SCRATCH; \
	VADDPS      SCRATCH, HE, HE;                          \
	VMOVUPS     HE, ROW(0, DX, R11, R12, R13)

// Unscaled: out += he + ho; out += le + lo.
#define ADD(A, N, ROW, HE, HO, LE, LO) \
	VADDPS  HO, HE, HE;                        \
	VADDPS  LO, LE, LE;                        \
	VMOVUPS.Z ROW(0, DX, R11, R12, R13), K3, SCRATCH; \
	VADDPS  SCRATCH, HE, HE;                   \
	VADDPS  LE, HE, HE;                        \
	VMOVUPS HE, ROW(0, DX, R11, R12, R13)

// The hi plane alone: out += he + ho.
#define ADDHI(A, N, ROW, HE, HO, LE, LO) \
	VADDPS  HO, HE, HE;                        \
	VADDPS  ROW(0, DX, R11, R12, R13), HE, HE; \
	VMOVUPS HE, ROW(0, DX, R11, R12, R13)

// Arguments and strides, the same for every kernel.
#define ARGUMENTS \
	MOVQ tiles+48(FP), DI; \
	ROW_ARGUMENTS

#define ROW_ARGUMENTS \
	MOVQ out+0(FP), DX;        \
	MOVQ stride+8(FP), R11;    \
	MOVQ x+16(FP), SI;         \
	MOVQ xStride+24(FP), R8;   \
	MOVQ sums+32(FP), BX;      \
	MOVQ sumStride+40(FP), AX; \
	LEAQ (R8)(R8*2), R9;       \
	LEAQ (R8)(R8*4), R10;      \
	LEAQ (R11)(R11*2), R12;    \
	LEAQ (R11)(R11*4), R13;    \
	LEAQ (AX)(AX*2), R14;      \
	LEAQ (AX)(AX*4), R15

// The same with two weight planes.
#define PLANES_ARGUMENTS \
	MOVQ tiles+48(FP), DI;   \
	MOVQ out+0(FP), DX;      \
	MOVQ stride+8(FP), R11;  \
	MOVQ x+16(FP), SI;       \
	MOVQ xStride+24(FP), R8; \
	MOVQ soon+32(FP), BX;    \
	MOVQ later+40(FP), AX;   \
	LEAQ (R8)(R8*2), R9;     \
	LEAQ (R8)(R8*4), R10;    \
	LEAQ (R11)(R11*2), R12;  \
	LEAQ (R11)(R11*4), R13;  \
	MOVQ keep+88(FP), CX;    \
	KMOVW CX, K3;            \
	MOVQ next+72(FP), CX

// SOON asks for two lines of memory at BX and two at AX, and has them brought to
// the second level of the cache: more requests can be on their way to that than to the
// first (docs/log.md). A tile asks for as many as it has itself.
#define SOON(AT) \
	PREFETCHT1 (AT)(BX);    \
	PREFETCHT1 (AT+64)(BX); \
	PREFETCHT1 (AT)(AX);    \
	PREFETCHT1 (AT+64)(AX)

#define SOON_TILE \
	ADDQ $2048, BX; \
	ADDQ $2048, AX

// Jumps to the loop of as many rows as there are; 6 follow.
#define CHOOSE_ROWS \
	CMPQ rows+64(FP), $1; \
	JEQ  rows1;           \
	CMPQ rows+64(FP), $2; \
	JEQ  rows2;           \
	CMPQ rows+64(FP), $3; \
	JEQ  rows3;           \
	CMPQ rows+64(FP), $4; \
	JEQ  rows4;           \
	CMPQ rows+64(FP), $5; \
	JEQ  rows5

// To the next block, or out.
#define NEXT_BLOCK(LOOP, XBYTES) \
	KXNORW K3, K3, K3;  \
	ADDQ $XBYTES, SI;   \
	DECQ blocks+56(FP); \
	JNZ  LOOP;          \
	VZEROUPPER;         \
	RET

// The same where CX is the next entry of a table of blocks: Go slices, in which
// the tile lies at an offset. CX is 0 where the tiles follow each other.
#define NEXT_TABLE_BLOCK(LOOP, XBYTES) \
	KXNORW K3, K3, K3;      \
	ADDQ  $XBYTES, SI;      \
	DECQ  blocks+56(FP);    \
	JZ    done;             \
	TESTQ CX, CX;           \
	JZ    LOOP;             \
	MOVQ  (CX), DI;         \
	ADDQ  offset+80(FP), DI; \
	ADDQ  $24, CX;          \
	JMP   LOOP

// Weights that come next: CX, which moves by a step a block. A block asks for as
// many lines as its tile has; the caller chooses where and how far.
#define FIND_AHEAD \
	MOVQ keep+88(FP), CX;  \
	KMOVW CX, K3;          \
	MOVQ ahead+72(FP), CX; \
	ADDQ DI, CX

#define AHEAD4(AT) \
	PREFETCHT0 (AT)(CX);     \
	PREFETCHT0 (AT+64)(CX);  \
	PREFETCHT0 (AT+128)(CX); \
	PREFETCHT0 (AT+192)(CX)

#define AHEAD5 \
	AHEAD4(0);          \
	PREFETCHT0 256(CX); \
	ADDQ step+80(FP), CX

#define AHEAD9 \
	AHEAD4(0);          \
	AHEAD4(256);        \
	PREFETCHT0 512(CX); \
	ADDQ step+80(FP), CX

#define AHEAD16 \
	AHEAD4(0);   \
	AHEAD4(256); \
	AHEAD4(512); \
	AHEAD4(768); \
	ADDQ step+80(FP), CX
