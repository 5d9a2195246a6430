package pages

import "unsafe"

// aligned is b from its first address that is a multiple of unit, a power of two.
func aligned(b []byte, unit uintptr) []byte {
	return b[-uintptr(unsafe.Pointer(unsafe.SliceData(b)))&(unit-1):]
}
