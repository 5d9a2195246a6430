// Package local runs a whole Tinker server inside a Go program or a Go test, as
// net/http/httptest does for handlers: model, engine, HTTP server on a loopback
// port, and a client that is connected to it.
//
//	s, err := local.Start(ctx, local.Options{TinyModel: true})
//	if err != nil { ... }
//	defer s.Close(ctx)
//	sampler, err := s.Client().CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: s.BaseModel()})
//
// Everything takes the same path as with a server elsewhere, through HTTP and
// the wire's messages: what a program does against this server it can do
// against the hosted one, by another URL and key. Package tinker is the client,
// internal/server the server; nothing is decided here but how they are put
// together.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/server"
	"tinsmith.example/tinker"
)

// Options say what to serve. The zero value is the default model.
type Options struct {
	// Model is the model to load: the path of a GGUF file, org/name of the
	// Hugging Face Hub, or a name of the built-in catalogue. It is fetched if
	// it is not on this machine. Empty: the catalogue's default model, of
	// 98 MB.
	Model string

	// TinyModel serves a small generated model instead, which needs no
	// download and answers within milliseconds: for tests. What it says means
	// nothing, but it is the same every time and everywhere. It excludes Model.
	TinyModel bool

	// Name is what clients call the model. Empty: the catalogue's or the
	// Hub's name for it, or the file's name without .gguf.
	Name string

	// Threads is how many threads compute, at most. 0: as many as GOMAXPROCS.
	// It does not change any result.
	Threads int

	// Memory is what the KV cache may take, in bytes. 0: half of what is free
	// when the model has been loaded. Requests that do not fit beside others
	// wait; one that would not fit alone fails. It does not change any result.
	Memory int64

	// Logger gets what server and client have to say. nil: nothing is logged.
	Logger *slog.Logger
}

// A Server is a running server. Its methods may be called by any number of
// goroutines at once.
type Server struct {
	url, key, baseModel string

	engine *engine.Engine
	server *server.Server
	client *tinker.ServiceClient
	serve  sync.WaitGroup // the goroutine that accepts connections
	remove func() error   // the model's file, if it was made for this server and is still there

	closing sync.Once
	closed  chan struct{} // closed once err is set, which then never changes
	err     error         // of closing
}

// Start loads a model and serves it on a loopback port of the system's choice,
// with a random key. ctx bounds the start, and no more than that: if it ends
// before the server is there, Start returns why, at once or, while a model file
// is being opened, after that. The caller closes the server.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{key: "tml-" + rand.Text(), remove: func() error { return nil }, closed: make(chan struct{})}
	if err := s.start(ctx, &o); err != nil {
		// What is there has no work to wait for, even if ctx has ended.
		return nil, fmt.Errorf("local: %w", errors.Join(err, s.Close(context.WithoutCancel(ctx))))
	}
	return s, nil
}

// start builds s from the engine up. What it has built when it fails is closed
// by Close.
func (s *Server) start(ctx context.Context, o *Options) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := s.load(ctx, o); err != nil {
		return err
	}
	if ctx.Err() != nil { // opening a file does not look at it
		return context.Cause(ctx)
	}
	var err error
	s.server, err = server.New(server.Config{
		Models: []server.Model{{Name: s.baseModel, Backend: s.engine}},
		Key:    s.key,
		Logger: o.Logger,
	})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.url = "http://" + l.Addr().String()
	s.serve.Go(func() {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Logger.Error("the local server stopped", "error", err)
		}
	})
	s.client, err = tinker.NewServiceClient(tinker.WithBaseURL(s.url), tinker.WithAPIKey(s.key), tinker.WithLogger(o.Logger))
	return err
}

// URL is where the server is: the base URL of any Tinker client.
func (s *Server) URL() string { return s.url }

// Key is the API key that it takes, and the only one.
func (s *Server) Key() string { return s.key }

// BaseModel is the name of the model that it serves.
func (s *Server) BaseModel() string { return s.baseModel }

// Client is a client of this server. Close closes it.
func (s *Server) Client() *tinker.ServiceClient { return s.client }

// Close closes the client, ends all work of the server at once (samples in work
// fail) and frees the model. It returns when no goroutine of them is left, or
// with ctx's cause if ctx ends first; open connections are then cut, and the
// rest ends in the background. Further calls wait for the same, each no longer
// than its own ctx, and return what it came to.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() {
		go func() {
			defer close(s.closed)
			s.err = s.close(ctx)
		}()
	})
	select {
	case <-s.closed:
		return s.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close ends what start has built, from the client down.
func (s *Server) close(ctx context.Context) error {
	var all []error
	if s.client != nil {
		all = append(all, s.client.Close(ctx))
	}
	if s.server != nil {
		all = append(all, s.server.Close(ctx))
		s.serve.Wait()
	}
	if s.engine != nil {
		all = append(all, s.engine.Close())
	}
	all = append(all, s.remove())
	return errors.Join(all...)
}
