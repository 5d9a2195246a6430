//go:build unix

package kv

import (
	"runtime"
	"testing"
)

// TestBlocksAreNotOnTheHeap: they are no measure of how much garbage may pile up.
// Systems without mappings (package pages) have them there.
func TestBlocksAreNotOnTheHeap(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p := NewPool(Size{Data: 1 << 20, Hidden: 1 << 10}, 100)
	for range 100 {
		b := p.Alloc()
		b.Data[0], b.Data[1<<20-1], b.Hidden[0], b.Hidden[1<<10-1] = 1, 2, 3, 4
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes for 100 MiB of blocks", grown)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
