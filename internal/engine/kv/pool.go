// Package kv keeps the memory of the key-value cache: blocks of a fixed number
// of positions, handed out one by one, shared by reference and given back.
//
// It knows neither what the bytes mean (package kernel's KVLayout does) nor
// which sequence owns them (package sched does). A pool is not safe for
// concurrent use: the engine's loop owns it.
package kv

import "fmt"

// A Block is the memory of some consecutive positions of one sequence, all
// layers and heads of them. Data may be written only while nobody else shares
// the block.
type Block struct {
	Data []byte
	refs int
}

// Shared says whether more than one holder has the block.
func (b *Block) Shared() bool { return b.refs > 1 }

// Pool hands out blocks, up to a limit.
type Pool struct {
	blockBytes int
	capacity   int
	used       int
	free       []*Block // given back, to be zeroed before use
}

// NewPool makes a pool of at most capacity blocks of blockBytes. Memory is
// taken from the system as blocks are first used, and kept.
func NewPool(blockBytes, capacity int) *Pool {
	return &Pool{blockBytes: blockBytes, capacity: capacity}
}

// Capacity is the most blocks that can be in use at once.
func (p *Pool) Capacity() int { return p.capacity }

// Used is how many blocks are in use now.
func (p *Pool) Used() int { return p.used }

// Alloc returns a zeroed block with one holder. It panics when the pool is
// exhausted: whoever plans keeps within Capacity.
func (p *Pool) Alloc() *Block {
	b := p.take()
	if b.Data == nil {
		b.Data = make([]byte, p.blockBytes)
	} else {
		clear(b.Data)
	}
	return b
}

// Copy returns a block of its own with b's contents, for a holder that is going
// to write to a block that others hold, too.
func (p *Pool) Copy(b *Block) *Block {
	c := p.take()
	if c.Data == nil {
		c.Data = make([]byte, p.blockBytes)
	}
	copy(c.Data, b.Data)
	return c
}

func (p *Pool) take() *Block {
	if p.used == p.capacity {
		panic(fmt.Sprintf("kv: all %d blocks are in use", p.capacity))
	}
	p.used++
	b := &Block{}
	if n := len(p.free); n > 0 {
		b, p.free = p.free[n-1], p.free[:n-1]
	}
	b.refs = 1
	return b
}

// Retain adds a holder to b and returns it.
func (p *Pool) Retain(b *Block) *Block {
	b.refs++
	return b
}

// Release takes a holder away; the last one's leaving frees the block.
func (p *Pool) Release(b *Block) {
	if b.refs <= 0 {
		panic("kv: released a block that nobody holds")
	}
	if b.refs--; b.refs == 0 {
		p.used--
		p.free = append(p.free, b)
	}
}
