package kv

import "unsafe"

// slabBytes is about how much memory is taken from the system at a time.
const slabBytes = 64 << 20

// lineBytes is what blocks are aligned to: a cache line.
const lineBytes = 64

// memory is where blocks lie: outside of the heap. The garbage collector lets
// garbage pile up to the size of what is alive, and must not take the cache,
// which is most of the machine's memory, for a measure of that.
type memory struct {
	size  Size
	slabs []slab
	rest  []byte // of the last slab
}

type slab struct {
	data []byte
	free func() error
}

// block makes a zeroed block; at most so many more are going to be asked for.
func (m *memory) block(more int) *Block {
	stride := (m.size.Bytes() + lineBytes - 1) / lineBytes * lineBytes
	if len(m.rest) < stride {
		blocks := min(max(1, slabBytes/max(1, stride)), more)
		data, free := takeMemory(max(1, blocks*stride))
		m.slabs = append(m.slabs, slab{data, free})
		m.rest = data
	}
	b := &Block{Data: m.rest[:m.size.Data:m.size.Data]}
	if m.size.Hidden > 0 {
		at := m.rest[m.size.Data:][:4*m.size.Hidden]
		b.Hidden = unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(at))), m.size.Hidden)
	}
	m.rest = m.rest[stride:]
	return b
}

// close gives all memory back. No block may be touched any more.
func (m *memory) close() error {
	var failed error
	for _, s := range m.slabs {
		if err := s.free(); err != nil {
			failed = err
		}
	}
	m.slabs, m.rest = nil, nil
	return failed
}
