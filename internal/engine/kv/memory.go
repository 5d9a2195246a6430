package kv

import (
	"unsafe"

	"tinsmith.example/internal/engine/pages"
)

// memory is where blocks lie.
type memory struct {
	size  Size
	arena pages.Arena
}

// block makes a zeroed block.
func (m *memory) block() *Block {
	b := &Block{Data: m.arena.Take(m.size.Data)}
	if m.size.Hidden > 0 {
		at := m.arena.Take(4 * m.size.Hidden)
		b.Hidden = unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(at))), m.size.Hidden)
	}
	return b
}

// close gives all memory back. No block may be touched any more.
func (m *memory) close() error { return m.arena.Free() }
