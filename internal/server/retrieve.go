package server

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"tinsmith.example/internal/wire"
)

// retrieveFuture waits for a sample's answer and hands it out, as often as it
// is asked for while it is kept. A sample that failed is answered with 200, one
// that is not done in time with 408: active, since nothing ever pauses sampling
// here, with what it waits for.
func (s *Server) retrieveFuture(w http.ResponseWriter, r *http.Request) error {
	var in wire.RetrieveFutureRequest
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	f, err := s.registry.find(in.RequestID)
	if err != nil {
		return err
	}
	defer s.registry.polled(f.sampler.session)()
	wait := time.NewTimer(s.limits.PollTime)
	defer wait.Stop()
	select {
	case <-f.done:
	case <-wait.C:
	case <-r.Context().Done(): // the client has gone, or shut its side of the connection
	}
	select {
	case <-f.done:
		if s.delivered(w, r, &f.answer) {
			s.registry.deliver(f)
		}
		return nil
	default:
	}
	writeJSON(w, wire.StatusPending, wire.TryAgain{
		Type:             wire.TypeTryAgain,
		RequestID:        in.RequestID,
		QueueState:       wire.QueueActive,
		QueueStateReason: s.registry.waitingFor(r.Context(), f),
	})
	return nil
}

// delivered writes the answer and reports whether, as far as can be told, the
// client was there to get it.
func (s *Server) delivered(w http.ResponseWriter, r *http.Request, a *answer) bool {
	s.writeAnswer(w, r, a)
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return false
	}
	return r.Context().Err() == nil
}

// plainFactor is about how many bytes it takes to make the JSON form of a result,
// for each of its binary form.
const plainFactor = 10

func (s *Server) writeAnswer(w http.ResponseWriter, r *http.Request, a *answer) {
	switch {
	case a.failure != nil:
		writeJSON(w, http.StatusOK, a.failure)
	case strings.Contains(strings.Join(r.Header.Values("Accept"), ","), wire.MediaProtobuf):
		write(w, http.StatusOK, wire.MediaProtobuf, a.binary)
	default:
		release, err := s.largeAnswer(r, plainFactor*int64(len(a.binary)))
		if err != nil {
			return // nobody is there
		}
		defer release()
		writeJSON(w, http.StatusOK, plainResult(a.binary))
	}
}

// cancelFuture stops a sample that its client has given up. What is not known,
// or is done already, needs no stopping: that is no error.
func (s *Server) cancelFuture(w http.ResponseWriter, r *http.Request) error {
	var in wire.CancelFutureRequest
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	if f, err := s.registry.find(in.RequestID); err == nil {
		s.registry.cancelFuture(f)
	}
	writeJSON(w, http.StatusOK, wire.Empty{})
	return nil
}
