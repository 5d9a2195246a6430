// Package engine turns requests for samples and log probabilities into tokens.
//
// It loads a model, owns the one goroutine that runs it, and is where package
// server hands in its work. Below it lie sched (what runs next), model (the
// forward pass), kernel (its arithmetic), kv (the cache) and sample (logits to
// token). It knows nothing of HTTP or of the wire's messages.
package engine

import (
	"context"
	"errors"

	"tinsmith.example/internal/tokenizer"
)

// ErrClosed is what calls on a closed engine return.
var ErrClosed = errors.New("engine: closed")

// Options configure an engine. The zero value is useful.
type Options struct {
	// Threads is how many threads compute, at most. 0: as many as GOMAXPROCS.
	// It does not change any result.
	Threads int
	// KVTokens bounds the KV cache, in tokens of all running sequences
	// together. 0: what half of the machine's free memory holds.
	KVTokens int
}

// Engine is a loaded model. Its methods may be called by any number of
// goroutines at once.
type Engine struct{}

// Open loads the GGUF file at path.
func Open(path string, o Options) (*Engine, error) { panic("in work") }

// Info describes the model.
func (e *Engine) Info() Info { panic("in work") }

// Tokenizer is the model's own.
func (e *Engine) Tokenizer() *tokenizer.Tokenizer { panic("in work") }

// Check says whether Sample would accept r. Its error is an *ArgumentError.
func (e *Engine) Check(r *Request) error { panic("in work") }

// Sample runs r beside whatever else is running and returns when it is done.
// If ctx ends first, the work stops, its memory is freed, and Sample returns
// ctx's cause. Errors: *ArgumentError, *NonFiniteError, ErrClosed.
func (e *Engine) Sample(ctx context.Context, r *Request) (*Result, error) { panic("in work") }

// Close fails what is still running with ErrClosed, waits for the engine's
// goroutines, and unmaps the model. It is idempotent.
func (e *Engine) Close() error { panic("in work") }
