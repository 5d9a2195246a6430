package server

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"tinsmith.example/internal/wire"
)

// A Server answers the requests of Tinker clients. It is an http.Handler for
// any path prefix, and its methods may be called by any number of goroutines at
// once. Its goroutines are one per sample in work; Close ends them.
type Server struct {
	guard    *guard
	limits   Limits
	log      *slog.Logger
	models   []*model
	client   wire.ClientConfig
	dynamic  wire.DynamicConfig
	registry *registry
	bodies   *bodyRoom // of requests
	answers  *bodyRoom // see largeAnswer
	mux      *http.ServeMux

	mu        sync.Mutex
	listening map[*http.Server]bool
	closed    bool
}

// New makes a server. It starts nothing.
func New(c Config) (*Server, error) {
	if err := c.Limits.complete(); err != nil {
		return nil, err
	}
	if err := checkModels(c.Models); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	s := &Server{
		guard:     newGuard(&c),
		limits:    c.Limits,
		log:       c.Logger,
		registry:  newRegistry(c.Limits),
		bodies:    newBodyRoom(c.Limits.QueuedBytes, c.Limits.KeyQueuedBytes),
		answers:   newBodyRoom(c.Limits.QueuedBytes, c.Limits.KeyQueuedBytes),
		listening: map[*http.Server]bool{},
	}
	var err error
	if s.client, s.dynamic, err = clientConfigs(c.Flags); err != nil {
		return nil, err
	}
	for _, m := range c.Models {
		s.models = append(s.models, &model{Model: m, info: m.Backend.Info()})
	}
	s.warnOfSlowKernels()
	s.mux = s.routes()
	return s, nil
}

// warnOfSlowKernels says once if the machine failed its self-test: answers stay
// right, but somebody should know why they take long.
func (s *Server) warnOfSlowKernels() {
	for _, m := range s.models {
		if fault := m.info.KernelFault; fault != nil {
			s.log.Warn("kernels switched off: answers are right, but slow", "fault", fault, "kernels", m.info.Kernels)
			return
		}
	}
}

// ServeHTTP answers one request. Whatever is wrong with it is answered as JSON,
// {"detail": text}.
func (s *Server) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	w := &answerWriter{ResponseWriter: to, encoding: chooseEncoding(r.Header.Values("Accept-Encoding"))}
	defer w.finish()
	defer s.logRequest(w, r, time.Now())
	defer s.recover(w, r)
	s.boundBody(w, r)
	if err := s.guard.checkOrigin(r); err != nil {
		s.fail(w, r, err)
		return
	}
	if _, endpoint, ok := cutPrefix(r.URL.EscapedPath()); ok {
		s.serveAPI(w, r, endpoint)
		return
	}
	s.serveHub(w, r)
}

// Close ends all work at once, without letting it come to its end: samples in
// work fail, polls are answered, clients that polled have up to 2 s to fetch what
// came of their samples, connections that Serve took are closed once they are
// idle. It returns when no goroutine of the server is left, or with
// ctx's cause if ctx ends first; the goroutines still end then, as soon as their
// backends let them. It is idempotent. It does not close the backends.
func (s *Server) Close(ctx context.Context) error {
	err := s.registry.close(ctx)
	s.mu.Lock()
	s.closed = true
	servers := make([]*http.Server, 0, len(s.listening))
	for h := range s.listening {
		servers = append(servers, h)
	}
	s.mu.Unlock()
	for _, h := range servers {
		if late := h.Shutdown(ctx); late != nil {
			_ = h.Close()
			err = cmp.Or(err, late)
		}
	}
	return err
}

// endpointRoot is where every endpoint of the API begins, below any prefix.
const endpointRoot = "/api/v1/"

// cutPrefix splits a path before the last place where the API may begin.
func cutPrefix(path string) (prefix, endpoint string, ok bool) {
	at := strings.LastIndex(path, endpointRoot)
	if at < 0 {
		return "", "", false
	}
	return path[:at], path[at:], true
}
