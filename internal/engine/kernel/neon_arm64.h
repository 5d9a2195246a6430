// NEON instructions that Go's assembler does not know, as words. Each macro is
// named after its mnemonic, with Go's V before it. Operands are bare register
// numbers in Go's order: shift or lane first, then the second source m, the
// first source n, and the destination d. Vectors are of four 32-bit lanes.

#define VZERO(d) WORD $(0x4F00E400 | (d))                                      // d = 0 (MOVI)
#define VFADD(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))             // d = n + m
#define VFSUB(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d))             // d = n - m
#define VFMUL(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))             // d = n * m
#define VFDIV(m, n, d) WORD $(0x6E20FC00 | (m)<<16 | (n)<<5 | (d))             // d = n / m
#define VFMAX(m, n, d) WORD $(0x4E20F400 | (m)<<16 | (n)<<5 | (d))             // d = max(n, m); NaN if either is
#define VFMIN(m, n, d) WORD $(0x4EA0F400 | (m)<<16 | (n)<<5 | (d))             // d = min(n, m); NaN if either is
#define VFNEG(n, d) WORD $(0x6EA0F800 | (n)<<5 | (d))                          // d = -n
#define VFMAXV(n, d) WORD $(0x6E30F800 | (n)<<5 | (d))                         // d[0] = the largest lane of n
#define VFCVTL(n, d) WORD $(0x0E217800 | (n)<<5 | (d))                         // d = the lower four halves of n, widened
#define VFCVTNS(n, d) WORD $(0x4E21A800 | (n)<<5 | (d))                        // d = n as integers, nearest, ties to even
#define VFCVTZS(n, d) WORD $(0x4EA1B800 | (n)<<5 | (d))                        // d = n as integers, cut off
#define VFCMGE(m, n, d) WORD $(0x6E20E400 | (m)<<16 | (n)<<5 | (d))            // d = all ones where n >= m
#define VFCMGT(m, n, d) WORD $(0x6EA0E400 | (m)<<16 | (n)<<5 | (d))            // d = all ones where n > m
#define VFRINTZ(n, d) WORD $(0x4EA19800 | (n)<<5 | (d))                        // d = n cut off to an integer
#define VSCVTF(bits, n, d) WORD $(0x4F00E400 | (64-(bits))<<16 | (n)<<5 | (d)) // d = signed n * 2^-bits, bits from 1
#define VUCVTF(bits, n, d) WORD $(0x6F00E400 | (64-(bits))<<16 | (n)<<5 | (d)) // d = unsigned n * 2^-bits, bits from 1
#define VCMHS(m, n, d) WORD $(0x6EA03C00 | (m)<<16 | (n)<<5 | (d))             // d = all ones where unsigned n >= m

// By element: m's lane i (0 to 3) with every lane of n.
#define VFMLAE(i, m, n, d) WORD $(0x4F801000 | ((i)&1)<<21 | (m)<<16 | ((i)>>1)<<11 | (n)<<5 | (d)) // d += n * m[i], one rounding
#define VFMULE(i, m, n, d) WORD $(0x4F809000 | ((i)&1)<<21 | (m)<<16 | ((i)>>1)<<11 | (n)<<5 | (d)) // d = n * m[i]
