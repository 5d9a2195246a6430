//go:build unix && !linux

package pages

import "golang.org/x/sys/unix"

// take maps n zeroed bytes.
func take(n int) (data []byte, free func() error) {
	data, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil { // a limit on mappings; the heap may still have room
		return fromHeap(n)
	}
	return data, func() error { return unix.Munmap(data) }
}
