// What the files of the linear layer on AVX2 share: each has its own copy.

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

// Eight dwords: the mask of the upper half words.
DATA uppers<>+0(SB)/8, $0xffff0000ffff0000
DATA uppers<>+8(SB)/8, $0xffff0000ffff0000
DATA uppers<>+16(SB)/8, $0xffff0000ffff0000
DATA uppers<>+24(SB)/8, $0xffff0000ffff0000
GLOBL uppers<>(SB), RODATA|NOPTR, $32
