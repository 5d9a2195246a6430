package kv

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// BlockPositions is how many tokens a full block has been computed from.
const BlockPositions = 32

// A Key says what besides the tokens a block's contents depend on, and who may
// find it. The model has no part in it: every model has a pool of its own.
type Key struct {
	Adapter string // what changes the weights; empty: nothing
	Tenant  string // blocks of one tenant are invisible to all others
}

// index finds blocks by the tokens of all positions up to their own. Its nodes
// are trees: one root per key, below it the blocks of positions 0 to 31, and so
// on. A node is found by the hash of its tokens, chained to its parent's, and
// then by comparing tokens and parent: the same tokens after another prefix are
// another block.
//
// Whoever holds a node's block holds those of all its ancestors. So whenever
// nobody holds a block, nobody holds those below it, and blocks can be given
// away from the leaves up.
type index struct {
	seed   maphash.Seed
	roots  map[Key]*node
	byHash map[uint64][]*node // full ones
	aged   age                // those that can go
	idle   int                // nodes whose block nobody else holds
	clock  uint64             // of uses
}

// node is a published block, or a root.
type node struct {
	key      Key
	parent   *node // nil: a root
	block    *Block
	tokens   []int32 // full: BlockPositions of them
	hash     uint64
	children []*node
	place    int // among the parent's children

	used uint64 // when it was last used
	idle bool   // nobody but the index holds the block
	age  int    // place in index.aged; -1: not there
}

func newIndex() index {
	return index{seed: maphash.MakeSeed(), roots: map[Key]*node{}, byHash: map[uint64][]*node{}}
}

func (n *node) full() bool { return len(n.tokens) == BlockPositions }

// Find returns the published block of the BlockPositions tokens that follow those
// of parent (nil: at the beginning), with one more holder, or nil. parent must
// be held.
func (p *Pool) Find(key Key, parent *Block, tokens []int32) *Block {
	above := p.index.above(key, parent)
	if above == nil {
		return nil
	}
	if n := p.index.find(above, tokens); n != nil {
		return p.Retain(n.block)
	}
	return nil
}

// Longest returns, among the published blocks that follow parent, one that
// begins with as many of the tokens as possible, with one more holder, and how
// many these are. Without any the block is nil.
func (p *Pool) Longest(key Key, parent *Block, tokens []int32) (b *Block, common int) {
	above := p.index.above(key, parent)
	if above == nil {
		return nil, 0
	}
	for _, n := range above.children {
		if c := CommonPrefix(n.tokens, tokens); c > common {
			b, common = n.block, c
		}
	}
	if b != nil {
		p.Retain(b)
	}
	return b, common
}

// Publish lets others find b, which was computed from these tokens, 1 to
// BlockPositions, after those of parent (nil: from the beginning). Both are held
// by the caller, and b's contents must be finite. The caller goes on with the
// block that Publish returns: b, or one that had been published for the same
// tokens before, with the same contents.
//
// A block that is not full is published for those who copy from it. It stays
// unpublished, still the caller's alone, where another serves them as well.
func (p *Pool) Publish(key Key, parent, b *Block, tokens []int32) *Block {
	if b.node != nil || parent != nil && (parent.node == nil || !parent.node.full()) {
		return b
	}
	above := p.index.aboveOrNew(key, parent)
	if len(tokens) == BlockPositions {
		if n := p.index.find(above, tokens); n != nil {
			p.Retain(n.block)
			p.Release(b)
			return n.block
		}
	} else if p.index.covered(above, tokens) {
		return b
	}
	n := p.index.add(above, b, slices.Clone(tokens))
	b.node = n
	b.refs++
	for i := len(above.children) - 1; i >= 0; i-- { // downwards: forget puts the last one in the place of another
		other := above.children[i]
		if len(other.tokens) < len(tokens) && CommonPrefix(other.tokens, tokens) == len(other.tokens) {
			p.forget(other) // n serves as well
		}
	}
	return b
}

// above is the node below which the blocks after parent are; nil: there is none.
func (x *index) above(key Key, parent *Block) *node {
	if parent != nil {
		return parent.node
	}
	return x.roots[key]
}

func (x *index) aboveOrNew(key Key, parent *Block) *node {
	n := x.above(key, parent)
	if n == nil {
		n = &node{key: key, age: -1}
		x.roots[key] = n
	}
	return n
}

func (x *index) find(parent *node, tokens []int32) *node {
	for _, n := range x.byHash[x.hashOf(parent, tokens)] {
		if n.parent == parent && slices.Equal(n.tokens, tokens) {
			return n
		}
	}
	return nil
}

// covered says whether a child of parent begins with all the tokens.
func (x *index) covered(parent *node, tokens []int32) bool {
	return slices.ContainsFunc(parent.children, func(n *node) bool { return CommonPrefix(n.tokens, tokens) == len(tokens) })
}

func (x *index) add(parent *node, b *Block, tokens []int32) *node {
	n := &node{key: parent.key, parent: parent, block: b, tokens: tokens, place: len(parent.children), age: -1}
	n.hash = x.hashOf(parent, tokens)
	parent.children = append(parent.children, n)
	if n.full() {
		x.byHash[n.hash] = append(x.byHash[n.hash], n)
	}
	x.settle(parent)
	x.clock++
	n.used = x.clock
	return n
}

// remove takes a leaf out.
func (x *index) remove(n *node) {
	siblings := n.parent.children
	last := len(siblings) - 1
	siblings[n.place] = siblings[last]
	siblings[n.place].place = n.place
	siblings[last] = nil
	n.parent.children = siblings[:last]
	if n.full() {
		same := slices.DeleteFunc(x.byHash[n.hash], func(m *node) bool { return m == n })
		if len(same) == 0 {
			delete(x.byHash, n.hash)
		} else {
			x.byHash[n.hash] = same
		}
	}
	if n.idle {
		x.idle--
	}
	x.aged.remove(n)
	if n.parent.parent == nil && last == 0 {
		delete(x.roots, n.parent.key)
	}
	x.settle(n.parent)
}

func (x *index) hashOf(parent *node, tokens []int32) uint64 {
	var h maphash.Hash
	h.SetSeed(x.seed)
	var b [4 * BlockPositions]byte
	raw := binary.LittleEndian.AppendUint64(b[:0], parent.hash)
	for _, t := range tokens {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(t))
	}
	h.Write(raw)
	return h.Sum64()
}

// touch notes a use of n.
func (x *index) touch(n *node) {
	x.clock++
	n.used = x.clock
	x.aged.remove(n)
	x.settle(n)
}

// settle brings what is known of n's use up to date, if n is a published block.
func (x *index) settle(n *node) {
	if n == nil || n.block == nil {
		return
	}
	if idle := n.block.refs == 1; idle != n.idle {
		n.idle = idle
		if idle {
			x.idle++
		} else {
			x.idle--
		}
	}
	if n.idle && len(n.children) == 0 {
		x.aged.add(n)
	} else {
		x.aged.remove(n)
	}
}

// oldest is the leaf that goes first, nil if there is none that nobody holds.
func (x *index) oldest() *node {
	if len(x.aged) == 0 {
		return nil
	}
	return x.aged[0]
}

// CommonPrefix is with how many equal tokens a and b begin.
func CommonPrefix(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
