package kv

import (
	"math/rand/v2"
	"testing"
)

// TestPoolAgainstMap drives a pool at random and holds it against a map of who
// holds what: contents stay, fresh blocks are zero, counts and limits are right.
func TestPoolAgainstMap(t *testing.T) {
	const capacity, size = 7, 16
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		p := NewPool(size, capacity)
		holders := map[*Block]int{}
		content := map[*Block]byte{}
		pick := func() *Block {
			for b := range holders {
				return b
			}
			return nil
		}
		for range 500 {
			switch b := pick(); {
			case len(holders) < capacity && r.IntN(3) == 0:
				fresh := p.Alloc()
				for _, v := range fresh.Data {
					if v != 0 {
						t.Fatalf("seed %d: a fresh block holds %v", seed, fresh.Data)
					}
				}
				if holders[fresh] != 0 {
					t.Fatalf("seed %d: a block was handed out twice", seed)
				}
				content[fresh] = byte(1 + r.IntN(255))
				for i := range fresh.Data {
					fresh.Data[i] = content[fresh]
				}
				holders[fresh] = 1
			case b == nil:
			case len(holders) < capacity && r.IntN(4) == 0:
				c := p.Copy(b)
				holders[c], content[c] = 1, content[b]
			case r.IntN(2) == 0:
				p.Retain(b)
				holders[b]++
			default:
				p.Release(b)
				if holders[b]--; holders[b] == 0 {
					delete(holders, b)
				}
			}
			for b, n := range holders {
				if b.Shared() != (n > 1) || b.Data[r.IntN(size)] != content[b] {
					t.Fatalf("seed %d: a block with %d holders and content %d: %+v", seed, n, content[b], b)
				}
			}
			if p.Used() != len(holders) {
				t.Fatalf("seed %d: %d blocks used, want %d", seed, p.Used(), len(holders))
			}
		}
	}
}

func TestMisusePanics(t *testing.T) {
	for name, misuse := range map[string]func(){
		"more than exist":    func() { p := NewPool(8, 1); p.Alloc(); p.Alloc() },
		"released too often": func() { p := NewPool(8, 1); b := p.Alloc(); p.Release(b); p.Release(b) },
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
