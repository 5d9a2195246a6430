// Package pages takes large pieces of memory from the system: outside of the
// heap, and in huge pages where the system has them.
//
// Outside of the heap, since the garbage collector lets garbage pile up to the
// size of what is alive, and must not take weights and caches, which are most of
// the machine's memory, for a measure of that. In huge pages, since weights are
// read from end to end in every step: with pages of 4 KiB the processor spends
// a third of that time on finding them (docs/log.md).
package pages

import "errors"

// slabBytes is how much is taken from the system at a time, at least. Memory
// that is never touched costs nothing.
const slabBytes = 64 << 20

// lineBytes is what pieces are aligned to: a cache line.
const lineBytes = 64

// Arena hands out memory and takes it back all at once. Its zero value is ready.
// It is not safe for concurrent use; the memory itself is.
type Arena struct {
	slabs []slab
	rest  []byte // of the last slab
}

type slab struct {
	free func() error
}

// Take returns n zeroed bytes, aligned to a cache line, n >= 0. They are the
// caller's until Free. Nothing of the system's memory is used until they are
// touched.
func (a *Arena) Take(n int) []byte {
	size := (n + lineBytes - 1) / lineBytes * lineBytes
	if len(a.rest) < size {
		data, free := take(max(size, slabBytes))
		a.slabs = append(a.slabs, slab{free})
		a.rest = data
	}
	piece := a.rest[:n:n]
	a.rest = a.rest[size:]
	return piece
}

// Free gives all memory back to the system. No piece may be touched any more.
func (a *Arena) Free() error {
	var errs []error
	for _, s := range a.slabs {
		errs = append(errs, s.free())
	}
	a.slabs, a.rest = nil, nil
	return errors.Join(errs...)
}

// fromHeap is what take returns where the system gives no mapping.
func fromHeap(n int) (data []byte, free func() error) {
	return aligned(make([]byte, n+lineBytes), lineBytes)[:n], func() error { return nil }
}
