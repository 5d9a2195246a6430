package kernel

import "unsafe"

// lineBytes is the alignment of the package's buffers: a cache line, and a
// whole vector register.
const lineBytes = 64

// alignedFloats returns n zeroed float32 that begin at a cache line.
func alignedFloats(n int) []float32 {
	if n == 0 {
		return nil
	}
	b := AlignedBytes(4 * n)
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n)
}

// AlignedBytes returns n zeroed bytes that begin at a cache line.
func AlignedBytes(n int) []byte {
	b := make([]byte, n+lineBytes-1)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % lineBytes
	return b[skip : skip+uintptr(n) : skip+uintptr(n)]
}
