package tokenizer

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
)

// A pieceCache remembers the ids of pieces that were merged lately, for any
// number of goroutines. Text repeats its words, so most pieces are found here.
// It is bounded: a piece has one place to be, and a newcomer takes it.
type pieceCache struct {
	seed    maphash.Seed
	entries [cachedPieces]atomic.Pointer[cachedPiece]
}

// At most about 5 MB: longer pieces are rare and seldom repeat.
const (
	cachedPieces   = 1 << 14
	maxCachedPiece = 32 // bytes
)

// A cachedPiece never changes.
type cachedPiece struct {
	piece string
	ids   []int32
}

func newPieceCache() *pieceCache { return &pieceCache{seed: maphash.MakeSeed()} }

// slot returns where piece would be, or nil if it is too long to be cached.
func (c *pieceCache) slot(piece string) *atomic.Pointer[cachedPiece] {
	if len(piece) > maxCachedPiece {
		return nil
	}
	return &c.entries[maphash.String(c.seed, piece)%cachedPieces]
}

// remember stores copies, since piece usually is a part of a long text.
func remember(slot *atomic.Pointer[cachedPiece], piece string, ids []int32) {
	slot.Store(&cachedPiece{piece: strings.Clone(piece), ids: slices.Clone(ids)})
}
