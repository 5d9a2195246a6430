// Package kv keeps the memory of the key-value cache: blocks of a fixed number
// of positions, handed out one by one, shared by reference and given back, and
// found again by the tokens that they were computed from.
//
// It knows neither what the bytes mean (package kernel's KVLayout does) nor
// which sequence owns them (package sched does). A pool is not safe for
// concurrent use: the engine's loop owns it.
package kv

import "fmt"

// A Block is the memory of some consecutive positions of one sequence. It may
// be written only by its one holder, and no more once it is published.
type Block struct {
	Data   []byte    // keys and values, all layers and heads of them
	Hidden []float32 // [positions, dim] after the last layer, before the final norm

	refs int   // holders; the index of published blocks is one
	node *node // where the index has it; nil: not published
}

// Shared says whether anybody besides the holder who asks has the block: other
// holders, or whoever may find it by its tokens.
func (b *Block) Shared() bool { return b.refs > 1 }

// Size is the size of a block.
type Size struct {
	Data   int // bytes
	Hidden int // float32 values
}

// Bytes is what a block takes.
func (s Size) Bytes() int { return s.Data + 4*s.Hidden }

// Pool hands out blocks, up to a limit. Published blocks that nobody holds stay
// as long as their memory is not wanted.
type Pool struct {
	capacity int
	used     int      // with contents: held, cached or both
	free     []*Block // given back, to be zeroed before use
	all      []*Block // that there are; the others have not been wanted yet

	index  index
	memory memory
}

// NewPool makes a pool of at most capacity blocks. Memory is taken from the
// system as blocks are first used, and kept until Close. Size.Data must be a
// multiple of 4.
func NewPool(size Size, capacity int) *Pool {
	return &Pool{capacity: capacity, index: newIndex(), memory: memory{size: size}}
}

// Reset takes all blocks back, whoever holds them, and forgets what they were.
func (p *Pool) Reset() {
	for _, b := range p.all {
		b.refs, b.node = 0, nil
	}
	p.used = 0
	p.free = append(p.free[:0], p.all...)
	p.index = newIndex()
}

// Close gives the memory back. No block may be touched any more.
func (p *Pool) Close() error { return p.memory.close() }

// Capacity is the most blocks that there can be.
func (p *Pool) Capacity() int { return p.capacity }

// Held is how many blocks have a holder. Up to Capacity can be had at any time.
func (p *Pool) Held() int { return p.used - p.index.idle }

// Cached is how many blocks nobody holds that can be found by their tokens.
func (p *Pool) Cached() int { return p.index.idle }

// Alloc returns a zeroed block with one holder. It panics when all blocks are
// held: whoever plans keeps within Capacity.
func (p *Pool) Alloc() *Block {
	b, fresh := p.take()
	if !fresh {
		clear(b.Data)
		clear(b.Hidden)
	}
	return b
}

// Copy returns a block of its own with b's contents, for a holder that is going
// to write where others read. b must be held.
func (p *Pool) Copy(b *Block) *Block {
	c, _ := p.take()
	copy(c.Data, b.Data)
	copy(c.Hidden, b.Hidden)
	return c
}

// Writable turns the caller's hold on b into one on a block with b's contents
// that nobody else has: a copy if anybody else has b, and b itself if not. It
// takes b from those who might find it rather than fail for want of memory.
func (p *Pool) Writable(b *Block) *Block {
	if b.refs == 2 && b.node != nil && p.Held() == p.capacity {
		p.forget(b.node)
	}
	if !b.Shared() {
		return b
	}
	c := p.Copy(b)
	p.Release(b)
	return c
}

// take returns a block with one holder and anything in it; zeros, if it is
// fresh.
func (p *Pool) take() (b *Block, fresh bool) {
	if p.used == p.capacity {
		p.evict()
	}
	p.used++
	if n := len(p.free); n > 0 {
		b, p.free = p.free[n-1], p.free[:n-1]
	} else {
		b, fresh = p.memory.block(), true
		p.all = append(p.all, b)
	}
	b.refs = 1
	return b, fresh
}

// evict frees the cached block that has not been used for the longest time.
func (p *Pool) evict() {
	n := p.index.oldest()
	if n == nil {
		panic(fmt.Sprintf("kv: all %d blocks are held", p.capacity))
	}
	p.forget(n)
}

// Retain adds a holder to b and returns it.
func (p *Pool) Retain(b *Block) *Block {
	b.refs++
	p.index.settle(b.node)
	return b
}

// Release takes a holder away. With the last one a block that is not published
// is freed; one that is becomes the most recently used of those that wait for
// their memory to be wanted.
func (p *Pool) Release(b *Block) {
	if b.refs <= 0 || b.node != nil && b.refs == 1 {
		panic("kv: released a block that nobody holds")
	}
	b.refs--
	if b.node != nil {
		p.index.touch(b.node)
		return
	}
	if b.refs == 0 {
		p.used--
		p.free = append(p.free, b)
	}
}

// forget takes a published block out of the index, and frees it if nobody
// holds it.
func (p *Pool) forget(n *node) {
	p.index.remove(n)
	b := n.block
	b.node = nil
	p.Release(b)
}
