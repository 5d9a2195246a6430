package engine

import (
	"errors"
	"fmt"
	"runtime/debug"

	"tinsmith.example/internal/engine/team"
)

// ErrClosed is what calls on a closed engine return.
var ErrClosed = errors.New("engine: closed")

// ErrModelChanged says that the model's file was written to after it had been
// loaded: nobody can say any more what its answers come from.
var ErrModelChanged = errors.New("the model's file was changed after it had been loaded: load it again")

// An ArgumentError says which field of a Request cannot be honoured. Nothing
// was computed for it.
type ArgumentError struct {
	Field  string // as in Request, in the wire's spelling: "top_p", "prompt"
	Value  any
	Reason string // what is allowed, or what is wrong
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("%s = %v: %s", e.Field, e.Value, e.Reason)
}

// A CacheError says that a request alone needs more of the KV cache than there
// is. It is an *ArgumentError with what it would take: more memory
// (Options.Memory), or a request for less.
type CacheError struct {
	ArgumentError
	Need int64 // bytes of the KV cache that it would take
}

func (e *CacheError) Error() string { return e.ArgumentError.Error() }

// Unwrap makes it an *ArgumentError for those who ask no more.
func (e *CacheError) Unwrap() error { return &e.ArgumentError }

// A NonFiniteError says that a forward pass gave NaN or infinity, which fails
// the one request it belongs to.
type NonFiniteError struct {
	Position int // in the sequence, at or before which it happened
}

func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("the model gave a non-finite value at or before position %d", e.Position)
}

// A PanicError says that the engine panicked: a fault of ours. It fails the
// request in whose part of a step it happened and no other, and if it happened
// between steps all that run. The engine goes on.
type PanicError struct {
	Value any
	Stack []byte // of where it happened
}

// newPanicError takes what recover returned.
func newPanicError(p any) *PanicError {
	if on, ok := p.(*team.Panic); ok {
		return &PanicError{on.Value, on.Stack}
	}
	return &PanicError{p, debug.Stack()}
}

func (e *PanicError) Error() string { return fmt.Sprintf("engine: panic: %v", e.Value) }
