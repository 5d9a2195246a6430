package server

import (
	"context"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/tokenizer"
)

// A Backend samples from one model. *engine.Engine is one. Its methods are
// called by many goroutines at once.
type Backend interface {
	// Info describes the model. It does not change.
	Info() engine.Info

	// Tokenizer is the model's own; nil if the backend has none to give.
	Tokenizer() *tokenizer.Tokenizer

	// Check says whether Sample would accept r, quickly and without computing.
	// An *engine.ArgumentError is the client's fault and is told to it at once
	// (400). engine.ErrClosed, and any other error, is the server's.
	Check(r *engine.Request) error

	// Sample runs r and returns when it is done. When ctx ends it must return
	// soon, with ctx's cause or any error. Errors are handed to the client as
	// a failed sample: *engine.ArgumentError as the user's fault, any other as
	// the server's. A panic fails this one sample.
	Sample(ctx context.Context, r *engine.Request) (*engine.Result, error)
}

// A Model is what a client may name as base_model.
type Model struct {
	// Name is such as "HuggingFaceTB/SmolLM2-135M-Instruct". Clients may write
	// it in other case. It has no colon: that starts a variant's name.
	Name string
	// Backend samples from the model. Whoever opened it closes it, after the
	// server.
	Backend Backend
}
