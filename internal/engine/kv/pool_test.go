package kv

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"testing"
)

// user is a sequence that holds its blocks, as a scheduler's do. Each position
// of a block holds what depends on the key and on all tokens up to it.
type user struct {
	key    Key
	tokens []int32
	blocks []*Block
}

var contentSeed = maphash.MakeSeed()

func content(key Key, tokens []int32) uint64 {
	var h maphash.Hash
	h.SetSeed(contentSeed)
	h.WriteString(key.Tenant)
	for _, t := range tokens {
		h.WriteByte(byte(t)) // few different ones
	}
	return h.Sum64()
}

func (u *user) write(t *testing.T, pos int) {
	t.Helper()
	b := u.blocks[pos/BlockPositions]
	if b.Shared() {
		t.Fatalf("position %d of %d is written to a shared block", pos, len(u.tokens))
	}
	v := content(u.key, u.tokens[:pos+1])
	binary.LittleEndian.PutUint64(b.Data[8*(pos%BlockPositions):], v)
	b.Hidden[pos%BlockPositions] = float32(v % 997)
}

func (u *user) check(t *testing.T, upTo int) {
	t.Helper()
	for pos := range upTo {
		b, v := u.blocks[pos/BlockPositions], content(u.key, u.tokens[:pos+1])
		got := binary.LittleEndian.Uint64(b.Data[8*(pos%BlockPositions):])
		if got != v || b.Hidden[pos%BlockPositions] != float32(v%997) {
			t.Fatalf("position %d of a sequence of %d holds %x and %v, want %x", pos, len(u.tokens), got, b.Hidden[pos%BlockPositions], v)
		}
	}
}

// TestPoolAgainstMaps drives a pool with random sequences that begin alike, and
// holds it against maps of who holds what and of what has been published: what
// is found is what was computed from the same tokens under the same key, as long
// as nothing had to go everything is found, and counts and limits are right.
func TestPoolAgainstMaps(t *testing.T) {
	found, evicted := 0, 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		capacity := []int{6, 12, 5000}[r.IntN(3)]
		p := NewPool(Size{Data: 8 * BlockPositions, Hidden: BlockPositions}, capacity)
		defer p.Close()
		published := map[string]bool{} // full blocks, by key and all tokens
		longest := map[string]bool{}   // the same by every prefix of any block
		var users []*user
		var old [][]int32
		for range 150 {
			switch {
			case len(users) > 0 && r.IntN(2) == 0:
				i := r.IntN(len(users))
				u := users[i]
				u.check(t, len(u.tokens))
				for _, b := range slices.Backward(u.blocks) {
					p.Release(b)
				}
				users = slices.Delete(users, i, i+1)
			default:
				u := &user{key: Key{Tenant: fmt.Sprint(r.IntN(2))}, tokens: randomTokens(r, old)}
				old = append(old, u.tokens)
				if p.Held()+len(u.tokens)/BlockPositions+2 > capacity {
					continue
				}
				users = append(users, u)
				for len(u.tokens)-len(u.blocks)*BlockPositions >= BlockPositions {
					at := len(u.blocks) * BlockPositions
					b := p.Find(u.key, u.last(), u.tokens[at:at+BlockPositions])
					if want := published[fmt.Sprint(u.key, u.tokens[:at+BlockPositions])]; capacity == 5000 && want != (b != nil) || b != nil && !want {
						t.Fatalf("seed %d: the block at %d is found: %v, want %v", seed, at, b != nil, want)
					}
					if b == nil {
						break
					}
					u.blocks = append(u.blocks, b)
				}
				pos := len(u.blocks) * BlockPositions
				found += pos
				b, n := p.Longest(u.key, u.last(), u.tokens[pos:])
				if capacity == 5000 && n < BlockPositions && pos+n < len(u.tokens) && longest[fmt.Sprint(u.key, u.tokens[:pos+n+1])] {
					t.Fatalf("seed %d: %d tokens at %d are found, want more", seed, n, pos)
				}
				if b != nil {
					u.blocks = append(u.blocks, p.Writable(b))
				}
				u.check(t, pos+n)
				u.fill(t, p, pos+n, published, longest)
			}
			held := map[*Block]bool{}
			for _, u := range users {
				u.check(t, len(u.tokens))
				for _, b := range u.blocks {
					held[b] = true
				}
			}
			if p.Held() != len(held) || p.Held()+p.Cached() > capacity || len(p.index.aged) > p.Cached() {
				t.Fatalf("seed %d: %d held, want %d; %d cached, %d of them can go, %d exist", seed, p.Held(), len(held), p.Cached(), len(p.index.aged), capacity)
			}
		}
		if capacity < 5000 && p.Held()+p.Cached() == capacity {
			evicted++
		}
		for _, u := range users {
			for _, b := range slices.Backward(u.blocks) {
				p.Release(b)
			}
		}
		var all []*Block
		for range capacity { // whatever is cached, all memory can be had
			all = append(all, p.Alloc())
		}
		for _, b := range all {
			if binary.LittleEndian.Uint64(b.Data) != 0 || b.Hidden[0] != 0 {
				t.Fatalf("seed %d: a fresh block is not empty", seed)
			}
		}
		if p.Cached() != 0 || len(p.index.roots) != 0 || len(p.index.byHash) != 0 {
			t.Fatalf("seed %d: %d cached, %d roots and %d hashes though all memory is held", seed, p.Cached(), len(p.index.roots), len(p.index.byHash))
		}
	}
	if found == 0 || evicted == 0 {
		t.Errorf("%d tokens were found, %d pools full", found, evicted)
	}
}

func (u *user) last() *Block {
	if len(u.blocks) == 0 {
		return nil
	}
	return u.blocks[len(u.blocks)-1]
}

// fill writes the positions from pos on and publishes the blocks.
func (u *user) fill(t *testing.T, p *Pool, pos int, published, longest map[string]bool) {
	t.Helper()
	for ; pos < len(u.tokens); pos++ {
		if pos/BlockPositions == len(u.blocks) {
			u.blocks = append(u.blocks, p.Alloc())
		}
		u.write(t, pos)
	}
	for i, b := range u.blocks {
		from, to := i*BlockPositions, min((i+1)*BlockPositions, len(u.tokens))
		var parent *Block
		if i > 0 {
			parent = u.blocks[i-1]
		}
		u.blocks[i] = p.Publish(u.key, parent, b, u.tokens[from:to])
		for end := from + 1; end <= to; end++ {
			longest[fmt.Sprint(u.key, u.tokens[:end])] = true
		}
		if to-from == BlockPositions {
			published[fmt.Sprint(u.key, u.tokens[:to])] = true
		}
	}
}

// randomTokens is a sequence of few different tokens that may begin like an old
// one.
func randomTokens(r *rand.Rand, old [][]int32) []int32 {
	var tokens []int32
	if len(old) > 0 && r.IntN(3) > 0 {
		o := old[r.IntN(len(old))]
		tokens = append(tokens, o[:r.IntN(len(o)+1)]...)
	}
	for range 1 + r.IntN(60) {
		tokens = append(tokens, r.Int32N(2))
	}
	return tokens[:min(len(tokens), 120)]
}

// chain publishes the blocks of n*BlockPositions tokens t and releases them.
func chain(p *Pool, t int32, n int) {
	var blocks []*Block
	tokens := slices.Repeat([]int32{t}, BlockPositions)
	for range n {
		var parent *Block
		if len(blocks) > 0 {
			parent = blocks[len(blocks)-1]
		}
		b := p.Find(Key{}, parent, tokens)
		if b == nil {
			b = p.Publish(Key{}, parent, p.Alloc(), tokens)
		}
		blocks = append(blocks, b)
	}
	for _, b := range slices.Backward(blocks) {
		p.Release(b)
	}
}

// cachedChain is how many blocks of a chain are cached.
func cachedChain(p *Pool, t int32) (n int) {
	for at := p.index.roots[Key{}]; at != nil; n++ {
		at = p.index.find(at, slices.Repeat([]int32{t}, BlockPositions))
	}
	return max(n-1, 0)
}

// TestLeastRecentlyUsedGoesFirst: and of a chain its end.
func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	p := NewPool(Size{Data: 8}, 6)
	chain(p, 1, 3)
	chain(p, 2, 3)
	chain(p, 1, 2) // used again: its third block is now the oldest
	for i, want := range [][2]int{{2, 3}, {2, 2}, {2, 1}, {2, 0}, {1, 0}, {0, 0}} {
		p.Alloc()
		if got := [2]int{cachedChain(p, 1), cachedChain(p, 2)}; got != want {
			t.Errorf("after %d blocks were wanted, %v of the chains are left, want %v", i+1, got, want)
		}
	}
}

// TestEqualHashesAreNotEqualBlocks: tokens and parent are compared.
func TestEqualHashesAreNotEqualBlocks(t *testing.T) {
	p := NewPool(Size{Data: 8}, 10)
	tokens := func(x int32) []int32 { return slices.Repeat([]int32{x}, BlockPositions) }
	a := p.Publish(Key{}, nil, p.Alloc(), tokens(1))
	b := p.Publish(Key{}, a, p.Alloc(), tokens(2))
	for parent, x := range map[*Block]int32{a: 1, nil: 2, b: 2} { // as if everything had the same hash
		above := p.index.above(Key{}, parent)
		p.index.byHash[p.index.hashOf(above, tokens(x))] = append(p.index.byHash[p.index.hashOf(above, tokens(x))], a.node, b.node)
		if got := p.Find(Key{}, parent, tokens(x)); got != nil {
			t.Errorf("tokens %d after %v: a block with the same hash was taken for theirs", x, parent)
		}
	}
	if p.Find(Key{Adapter: "x"}, nil, tokens(1)) != nil || p.Find(Key{Tenant: "x"}, nil, tokens(1)) != nil {
		t.Error("found under another key")
	}
}

// TestWritableNeedsNoMemoryThatIsNotThere: with all blocks held, one that only
// the index shares is taken out of it.
func TestWritableNeedsNoMemoryThatIsNotThere(t *testing.T) {
	p := NewPool(Size{Data: 8}, 2)
	b := p.Publish(Key{}, nil, p.Alloc(), []int32{1, 2, 3})
	p.Alloc()
	if w := p.Writable(b); w != b || w.Shared() {
		t.Errorf("got another block, or a shared one")
	}
	if got, n := p.Longest(Key{}, nil, []int32{1, 2}); got != nil {
		t.Errorf("%d tokens of it can still be found", n)
	}
}

// TestResetTakesAllBack: after it the pool is as new.
func TestResetTakesAllBack(t *testing.T) {
	p := NewPool(Size{Data: 8}, 3)
	defer p.Close()
	a := p.Publish(Key{}, nil, p.Alloc(), []int32{1, 2, 3})
	p.Retain(a)
	p.Alloc().Data[0] = 1
	p.Reset()
	if b, _ := p.Longest(Key{}, nil, []int32{1}); b != nil || p.Held() != 0 || p.Cached() != 0 {
		t.Errorf("%v is found, %d are held, %d cached", b, p.Held(), p.Cached())
	}
	for range 3 {
		if b := p.Alloc(); b.Data[0] != 0 || b.Shared() {
			t.Errorf("a block is %v", b)
		}
	}
}

func TestMisusePanics(t *testing.T) {
	size := Size{Data: 8}
	for name, misuse := range map[string]func(){
		"more than exist":    func() { p := NewPool(size, 1); p.Alloc(); p.Alloc() },
		"released too often": func() { p := NewPool(size, 1); b := p.Alloc(); p.Release(b); p.Release(b) },
		"a published block released too often": func() {
			p := NewPool(size, 1)
			b := p.Publish(Key{}, nil, p.Alloc(), []int32{1})
			p.Release(b)
			p.Release(b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			misuse()
		})
	}
}
