// What the files of the linear layer on AVX2 share: each has its own copy.

// Eight dwords: the mask of the upper half words.
DATA uppers<>+0(SB)/8, $0xffff0000ffff0000
DATA uppers<>+8(SB)/8, $0xffff0000ffff0000
DATA uppers<>+16(SB)/8, $0xffff0000ffff0000
DATA uppers<>+24(SB)/8, $0xffff0000ffff0000
GLOBL uppers<>(SB), RODATA|NOPTR, $32
