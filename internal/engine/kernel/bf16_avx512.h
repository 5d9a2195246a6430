// Rounding float32 to bf16 on AVX-512, as toBF16 in bf16.go does. Its constants
// take Z16 to Z21, and it changes AX and K1.

#define INTONE Z16
#define HALFDOWN Z17
#define EXPONENT Z18
#define UPPER Z19
#define MAGNITUDE Z20
#define FLUSH Z21

#define BROADCAST(VALUE, Z) \
	MOVL $VALUE, AX;     \
	VPBROADCASTD AX, Z

#define LOAD_CONSTANTS \
	BROADCAST(1, INTONE);             \
	BROADCAST(0x7fff, HALFDOWN);      \
	BROADCAST(0x7f800000, EXPONENT);  \
	BROADCAST(0xffff0000, UPPER);     \
	BROADCAST(0x7fffffff, MAGNITUDE); \
	BROADCAST(0x23800000, FLUSH) // flushBits

// TO_BF16 sets OUT to toBF16 of V; T is scratch. First
// V + 0x7fff + (V>>16 & 1), but V itself where it is NaN or infinite; then the
// upper half, and 0 where the magnitude is below flushBelow.
#define TO_BF16(V, OUT, T) \
	VPSRLD    $16, V, OUT;         \
	VPANDD    INTONE, OUT, OUT;    \
	VPADDD    HALFDOWN, OUT, OUT;  \
	VPADDD    V, OUT, OUT;         \
	VPANDD    EXPONENT, V, T;      \
	VPCMPEQD  EXPONENT, T, K1;     \
	VMOVDQA32 V, K1, OUT;          \
	VPANDD    UPPER, OUT, OUT;     \
	VPANDD    MAGNITUDE, OUT, T;   \
	VPCMPUD   $1, FLUSH, T, K1;    \
	VPXORD    OUT, OUT, K1, OUT
