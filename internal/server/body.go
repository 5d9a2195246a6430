package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	"tinsmith.example/internal/wire"
)

// readBody returns the request's body. It refuses one that is longer than the
// limit, by its announced length without reading any of it, or that does not
// arrive in time.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	most := s.limits.BodyBytes
	if r.ContentLength > most {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body has %d bytes; the limit is %d", r.ContentLength, most)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes, which is the limit", most)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body broke off after %d bytes: %v", len(body), err)
	}
	// The deadline was for the body: left in place, it would end the long poll
	// that may follow.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

// boundBody sets the deadline of a request's body, also of one that no handler
// reads: net/http reads what is left of it before it answers, and would wait
// for it for ever.
func (s *Server) boundBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Writers without deadlines (tests) say so.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.limits.BodyTime))
	}
}

// decode reads the request's body into message.
func (s *Server) decode(w http.ResponseWriter, r *http.Request, message any) error {
	body, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	return decodeBody(body, message)
}

// decodeOptional is decode for messages that may be left out altogether.
func (s *Server) decodeOptional(w http.ResponseWriter, r *http.Request, message any) error {
	body, err := s.readBody(w, r)
	if err != nil || len(body) == 0 {
		return err
	}
	return decodeBody(body, message)
}

func decodeBody(body []byte, message any) error {
	if err := wire.Decode(body, message); err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	return nil
}
