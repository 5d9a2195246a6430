package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
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

// close ends all samples, and all sessions once the clients that poll have fetched
// what came of theirs, for which they have a moment.
func (g *registry) close(ctx context.Context) error {
	g.mu.Lock()
	g.closed = true
	var polling []*session
	for _, s := range g.sessions {
		if s.polls > 0 {
			polling = append(polling, s)
		}
	}
	g.mu.Unlock()
	g.stop(errServerGone)

	idle := make(chan struct{})
	go func() {
		g.runs.Wait()
		close(idle)
	}()
	var err error
	select {
	case <-idle:
		g.farewell(ctx, polling)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sessions {
		g.end(s, errServerGone)
	}
	return err
}

const (
	farewellTime = 2 * time.Second       // for clients to fetch what they wait for
	farewellLook = 10 * time.Millisecond // how often whether they have
)

// farewell waits until no result of the sessions waits to be fetched, or the time
// for that is over.
func (g *registry) farewell(ctx context.Context, sessions []*session) {
	ctx, stop := context.WithTimeout(ctx, farewellTime)
	defer stop()
	look := time.NewTicker(farewellLook)
	defer look.Stop()
	for {
		if !g.owe(sessions) {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// owe says whether a result of the sessions has not been fetched.
func (g *registry) owe(sessions []*session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range sessions {
		for _, p := range s.samplers {
			for _, f := range p.futures {
				if f.place != nil && !f.delivered {
					return true
				}
			}
		}
	}
	return false
}

// polled notes that a client of the session waits for results, until left is
// called.
func (g *registry) polled(s *session) (left func()) {
	add := func(n int) {
		g.mu.Lock()
		defer g.mu.Unlock()
		s.polls += n
	}
	add(1)
	return func() { add(-1) }
}

// errShutDown refuses what comes after close.
func errShutDown() error {
	return refuse(http.StatusServiceUnavailable, "%v", errServerGone)
}
