package server

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"

	"tinsmith.example/internal/wire"
)

// A handler answers a request, or returns why not.
type handler func(http.ResponseWriter, *http.Request) error

// routes binds the endpoints. Behind them all lies checkKey, except where it
// says open.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	bind := func(pattern string, h handler) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := s.guard.checkKey(r); err != nil {
				s.fail(w, r, err)
				return
			}
			if err := h(w, r); err != nil {
				s.fail(w, r, err)
			}
		})
	}
	open := func(pattern string, h http.HandlerFunc) { mux.HandleFunc(pattern, h) }

	open("GET "+wire.PathHealthz, s.healthz)
	bind("POST "+wire.PathClientConfig, s.clientConfig)
	bind("POST "+wire.PathDynamicConfig, s.dynamicConfig)
	bind("GET "+wire.PathServerCapabilities, s.capabilities)
	bind("POST "+wire.PathTelemetry, s.telemetry)

	bind("POST "+wire.PathCreateSession, s.createSession)
	bind("POST "+wire.PathSessionHeartbeat, s.heartbeat)
	bind("POST "+wire.PathSessions+"{session_id}/finish", s.finishSession)
	bind("GET "+wire.PathListSessions, s.listSessions)
	bind("GET "+wire.PathSessions+"{session_id}", s.getSession)

	bind("POST "+wire.PathCreateSamplingSession, s.createSampler)
	bind("GET "+wire.PathSamplers+"{sampling_session_id}", s.getSampler)

	bind("POST "+wire.PathJoinSamplingSession, s.joinSampler)

	bind("POST "+wire.PathSample, s.sample)
	bind("POST "+wire.PathRetrieveFuture, s.retrieveFuture)
	bind("POST "+wire.PathRetrieveFutures, s.retrieveFutures)
	bind("POST "+wire.PathCancelFuture, s.cancelFuture)
	bind("GET "+wire.PathReceipts+"{request_id}", s.getReceipt)

	for _, path := range []string{wire.PathCreateModel, wire.PathGetInfo, wire.PathSaveWeightsForSampler} {
		bind("POST "+path, noTraining)
	}
	return mux
}

// noTraining answers whoever wants to train a model.
func noTraining(http.ResponseWriter, *http.Request) error {
	return refuse(http.StatusNotFound, "this server samples from models and does not train them")
}

// serveAPI answers a request whose path, without the prefix, is endpoint in its
// escaped form.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, endpoint string) {
	plain, err := url.PathUnescape(endpoint)
	if err != nil || path.Clean(plain) != plain {
		// The mux would redirect to the clean path, and clients do not follow.
		s.fail(w, r, refuse(http.StatusNotFound, "no such endpoint: %s %s", r.Method, endpoint))
		return
	}
	inner := new(*r)
	inner.URL = new(*r.URL)
	inner.URL.Path, inner.URL.RawPath = plain, endpoint
	if _, pattern := s.mux.Handler(inner); pattern == "" {
		s.fail(w, r, s.noRoute(w, inner))
		return
	}
	if err := s.guard.checkBody(r); err != nil {
		s.fail(w, r, err)
		return
	}
	s.mux.ServeHTTP(w, inner)
}

// noRoute says why the mux has no handler for r: the path, or only the method.
func (s *Server) noRoute(w http.ResponseWriter, r *http.Request) error {
	var answer headOnly
	s.mux.ServeHTTP(&answer, r)
	if answer.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", answer.header.Get("Allow"))
		return refuse(answer.status, "%s is not a method of %s; it has %s", r.Method, r.URL.Path, answer.header.Get("Allow"))
	}
	return refuse(http.StatusNotFound, "this server has no endpoint %s %s", r.Method, r.URL.Path)
}

// A headOnly keeps an answer's status and headers, and drops its body.
type headOnly struct {
	header http.Header
	status int
}

func (h *headOnly) Header() http.Header {
	if h.header == nil {
		h.header = http.Header{}
	}
	return h.header
}
func (h *headOnly) WriteHeader(status int)         { h.status = status }
func (h *headOnly) Write(body []byte) (int, error) { return len(body), nil }

// fail answers with an error: a statusError as it says, any other as 500.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	refused, ok := errors.AsType[*statusError](err)
	if !ok {
		s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		refused = &statusError{http.StatusInternalServerError, err.Error()}
	}
	s.log.Debug("request refused", "method", r.Method, "path", r.URL.Path, "status", refused.status, "detail", refused.detail)
	writeDetail(w, refused.status, refused.detail)
}

// recover makes a panic the failure of its request alone. It is deferred.
func (s *Server) recover(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
	writeDetail(w, http.StatusInternalServerError, "internal error; the server's log says more")
}
