//go:build !unix

package pages

// take takes n zeroed bytes from the heap: this system's mappings are not used.
func take(n int) (data []byte, free func() error) { return fromHeap(n) }
