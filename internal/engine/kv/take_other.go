//go:build !unix

package kv

// takeMemory takes n zeroed bytes from the heap: this system's mappings are not
// used.
func takeMemory(n int) (data []byte, free func() error) {
	return make([]byte, n), func() error { return nil }
}
