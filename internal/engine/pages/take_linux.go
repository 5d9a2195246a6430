package pages

import "golang.org/x/sys/unix"

// hugeBytes is the size of a huge page on amd64 and, with pages of 4 KiB, on
// arm64.
const hugeBytes = 2 << 20

// take maps n zeroed bytes that begin at a huge page, and asks for such pages.
// Where the system refuses them the memory is the same, only slower.
func take(n int) (data []byte, free func() error) {
	all, err := unix.Mmap(-1, 0, n+hugeBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil { // a limit on mappings; the heap may still have room
		return fromHeap(n)
	}
	_ = unix.Madvise(all, unix.MADV_HUGEPAGE)
	return aligned(all, hugeBytes)[:n], func() error { return unix.Munmap(all) }
}
