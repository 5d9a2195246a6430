//go:build unix

package kv

import "golang.org/x/sys/unix"

// takeMemory maps n zeroed bytes, which take memory as they are first touched.
func takeMemory(n int) (data []byte, free func() error) {
	data, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil { // a limit on mappings; the heap may still have room
		return make([]byte, n), func() error { return nil }
	}
	return data, func() error { return unix.Munmap(data) }
}
