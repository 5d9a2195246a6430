package engine

import (
	"context"
	"crypto/sha256"
	"sync"
)

// ArithmeticVersion numbers what docs/arithmetic.md and docs/sampling.md define
// together. It grows whenever any answer changes by a bit, on purpose or because
// a definition was wrong, and not when something new is defined beside the old.
// Receipts carry it; testdata/arithmetic.json holds the pinned outputs that
// belong to it.
const ArithmeticVersion = 1

// An Identity is what answers depend on besides the request.
type Identity struct {
	Arithmetic  int               // ArithmeticVersion of the engine that answers
	ModelSHA256 [sha256.Size]byte // of the model's file
}

// identity is computed once, when it is first asked for.
type identity struct {
	mu    sync.Mutex // held while the file is read, so that Close waits
	known bool
	id    Identity
}

// hashedAtOnce is how much of a file is hashed between two looks at whether
// anybody still wants the hash: about 30 ms.
const hashedAtOnce = 16 << 20

// Identity says what the engine's answers depend on besides the request. It
// reads the whole file once, which takes 0.1 to 0.3 s for 100 MB; later calls
// return at once. What is hashed are the bytes that the engine has mapped, not
// what may lie under the file's name by then. Errors: ErrClosed, ctx's cause.
func (e *Engine) Identity(ctx context.Context) (Identity, error) {
	i := &e.identity
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known {
		return i.id, nil
	}
	h := sha256.New()
	for data := e.file.Bytes(); ; {
		if ctx.Err() != nil {
			return Identity{}, context.Cause(ctx)
		}
		if e.isClosed() {
			return Identity{}, ErrClosed
		}
		n := min(len(data), hashedAtOnce)
		h.Write(data[:n])
		if data = data[n:]; len(data) == 0 {
			break
		}
	}
	_ = e.file.Release() // the pages have been read; what stays only costs memory
	i.id.Arithmetic, i.known = ArithmeticVersion, true
	h.Sum(i.id.ModelSHA256[:0])
	return i.id, nil
}

func (e *Engine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}
