package machine

import (
	"context"
	"unsafe"

	"tinsmith.example/internal/engine/pages"
)

// The memory that is read: far more than the caches of any machine hold.
const (
	leastRead  = 512 << 20 // in all
	threadRead = 32 << 20  // at least, for each thread
)

// pieceBytes is read by one call, which cannot be preempted where it is
// assembly: some 100 µs.
const pieceBytes = 1 << 20

// roundBytes is what one round of the read loops takes.
const roundBytes = 256

// ReadRate is how many bytes per second threads goroutines read from memory
// together, each its own part of a large buffer from one end to the other. The
// memory is of the kind that an engine keeps its weights in.
func ReadRate(ctx context.Context, threads int) (float64, error) {
	workers := make([]reader, threads)
	arenas := make([]pages.Arena, threads)
	defer func() {
		for i := range arenas {
			_ = arenas[i].Free()
		}
	}()
	part := max(threadRead, leastRead/threads) / pieceBytes * pieceBytes
	return Rate(ctx, threads, func(w int) float64 {
		if workers[w].words == nil { // in the first pass, which will not be the best: memory is mapped as it is first written
			workers[w].fill(arenas[w].Take(part))
		}
		return workers[w].read()
	})
}

// A reader goes round and round its memory.
type reader struct {
	words []uint64
	at    int
	xor   uint64 // of all that was read, so that no reading is left out
}

func (r *reader) fill(memory []byte) {
	r.words = unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(memory))), len(memory)/8)
	for i := range r.words {
		r.words[i] = uint64(i)
	}
}

// read reads the next piece and returns its length in bytes.
func (r *reader) read() float64 {
	const words = pieceBytes / 8
	r.xor ^= xor(r.words[r.at : r.at+words])
	r.at = (r.at + words) % len(r.words)
	return pieceBytes
}

// xor reads all words, a multiple of roundBytes in all, and returns their
// exclusive or.
func xor(words []uint64) uint64 {
	if len(words)%(roundBytes/8) != 0 {
		panic("machine: xor: not whole rounds")
	}
	if len(words) == 0 {
		return 0
	}
	return xorRounds(words)
}

// xorGeneric keeps four chains: one would wait for itself.
func xorGeneric(words []uint64) uint64 {
	var a, b, c, d uint64
	for ; len(words) >= 4; words = words[4:] {
		a ^= words[0]
		b ^= words[1]
		c ^= words[2]
		d ^= words[3]
	}
	return a ^ b ^ c ^ d
}
