package engine

import (
	"context"
	"crypto/sha256"
	"errors"

	"tinsmith.example/internal/weights/gguf"
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
	turn  chan struct{} // of one: full while somebody reads the file or has closed it
	known bool          // guarded by turn, as is id
	id    Identity
}

// hashedAtOnce is how much of a file is hashed between two looks at whether
// anybody still wants the hash: about 30 ms.
const hashedAtOnce = 16 << 20

// Identity says what the engine's answers depend on besides the request. It
// reads the whole file once, which takes 0.1 to 0.3 s for 100 MB; later calls
// return at once. What is hashed is the file that the engine has mapped, not
// what may lie under its name by then. Errors: ErrClosed, ErrModelChanged, ctx's
// cause.
func (e *Engine) Identity(ctx context.Context) (Identity, error) {
	i := &e.identity
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
	case <-ctx.Done():
		return Identity{}, context.Cause(ctx)
	}
	closed := e.isClosed()
	if i.known && closed { // it was the file's to the end, as far as anybody asked
		return i.id, nil
	}
	if closed {
		return Identity{}, ErrClosed
	}
	if err := e.unchanged(); err != nil {
		return Identity{}, err
	}
	if i.known {
		return i.id, nil
	}
	sum, err := e.hash(ctx)
	if err == nil {
		err = e.unchanged() // while it was read
	}
	if err != nil {
		return Identity{}, err
	}
	i.id, i.known = Identity{Arithmetic: ArithmeticVersion, ModelSHA256: sum}, true
	return i.id, nil
}

// hash reads the model's file. It has its turn.
func (e *Engine) hash(ctx context.Context) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	for data := e.file.Bytes(); len(data) > 0; {
		if ctx.Err() != nil {
			return sum, context.Cause(ctx)
		}
		if e.isClosed() {
			return sum, ErrClosed
		}
		n := min(len(data), hashedAtOnce)
		h.Write(data[:n])
		data = data[n:]
	}
	_ = e.file.Release() // the pages have been read; what stays only costs memory
	h.Sum(sum[:0])
	return sum, nil
}

// unchanged is ErrModelChanged if the file was written to.
func (e *Engine) unchanged() error {
	err := e.file.Unchanged()
	if errors.Is(err, gguf.ErrChanged) {
		return ErrModelChanged
	}
	return err
}

func (e *Engine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}
