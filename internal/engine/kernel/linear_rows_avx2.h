// What the kernels of 2 and 3 rows on AVX2 share. One plane of x comes after the other,
// so that the chains of 3 rows are in registers and each broadcast of x serves 16
// outputs.
//
// Registers of row r (0 to 2), one lane an output:
//	Y(r)    even k, outputs 0 to 7    Y(3+r)  even k, outputs 8 to 15
//	Y(6+r)  odd k, outputs 0 to 7     Y(9+r)  odd k, outputs 8 to 15
//	Y12, Y13 weights of one k
//	Y14     x, broadcast

// MULTIPLY adds the products of x at X to a row's chains of one parity.
#define MULTIPLY(X, A, B) \
	VBROADCASTSS X, Y14;      \
	VFMADD231PS  Y14, Y12, A; \
	VFMADD231PS  Y14, Y13, B

#define CLEAR4(A, B, C, D) \
	VXORPS A, A, A; \
	VXORPS B, B, B; \
	VXORPS C, C, C; \
	VXORPS D, D, D

#define ZERO2 \
	CLEAR4(Y0, Y3, Y6, Y9); \
	CLEAR4(Y1, Y4, Y7, Y10)

#define ZERO3 \
	ZERO2; \
	CLEAR4(Y2, Y5, Y8, Y11)
