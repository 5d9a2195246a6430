package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
)

// Why samples end that nobody wants any more.
var (
	errCancelled  = errors.New("the sample was cancelled by its client")
	errFinished   = errors.New("the session was finished by its client")
	errLapsed     = errors.New("the session lapsed: its client sent no session_heartbeat for too long")
	errServerGone = errors.New("the server was shut down")
)

// A registry knows what is alive: sessions, their samplers (the API's sampling
// sessions), their samples. It decides nothing about HTTP or sampling.
//
// Its one mutex guards every field below it and every field of the objects in
// it that does not say otherwise. Nothing is computed or written under it.
type registry struct {
	limits Limits
	root   context.Context // every sample's ctx comes from it
	stop   context.CancelCauseFunc
	runs   sync.WaitGroup // one per sample in work

	mu       sync.Mutex
	closed   bool
	sessions map[string]*session
	opened   int64 // sessions, ever
	ended    endings
	samplers map[string]*sampler
	accounts map[string]*account // by tenant; those that have something
	work     usage               // of all accounts
	kept     int64               // bytes of all their results
	waiting  int64               // of these, what nobody has fetched
	started  int64               // samples so far
	repeated int64               // requests for one that had been started
}

func newRegistry(l Limits) *registry {
	root, stop := context.WithCancelCause(context.Background())
	return &registry{
		limits:   l,
		root:     root,
		stop:     stop,
		sessions: map[string]*session{},
		samplers: map[string]*sampler{},
		accounts: map[string]*account{},
	}
}

// close ends all sessions and waits for their samples.
func (g *registry) close(ctx context.Context) error {
	g.mu.Lock()
	g.closed = true
	for _, s := range g.sessions {
		g.end(s, errServerGone)
	}
	g.mu.Unlock()
	g.stop(errServerGone)

	idle := make(chan struct{})
	go func() {
		g.runs.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errShutDown refuses what comes after close.
func errShutDown() error {
	return refuse(http.StatusServiceUnavailable, "%v", errServerGone)
}
