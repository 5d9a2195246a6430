package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"tinsmith.example/internal/wire"
)

const (
	// A body of up to smallBody bytes is read at once: so are all that only name
	// something, such as the polls of a client that is waiting.
	smallBody = 64 << 10

	// messageBytes is how long a body may be that is no sample: of what lists
	// small things, the message takes many times the memory.
	messageBytes = 4 << 20

	// bodyWait is how long a larger one waits for its turn to be read.
	bodyWait = 2 * time.Second
)

// readBody returns the request's body, and what to call when it is not needed
// any more. It refuses one that is longer than most, by its announced
// length without reading any of it, one that does not arrive in time, and one
// that bodies of other requests leave no room for.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, most int64) (body []byte, release func(), err error) {
	if r.ContentLength > most {
		return nil, nil, refuse(http.StatusRequestEntityTooLarge, "the body has %d bytes; the limit is %d", r.ContentLength, most)
	}
	from := http.MaxBytesReader(unwrapped(w), r.Body, most)
	release = func() {}
	body, err = io.ReadAll(io.LimitReader(from, smallBody+1))
	if err == nil && len(body) > smallBody {
		if release, err = s.reserve(r, most); err != nil {
			return nil, nil, err
		}
		body, err = readRest(body, from, r.ContentLength)
	}
	if err != nil {
		release()
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, nil, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes, which is the limit", most)
		}
		return nil, nil, refuse(http.StatusBadRequest, "the body broke off after %d bytes: %v", len(body), err)
	}
	// The deadline was for the body: left in place, it would end the long poll
	// that may follow.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, release, nil
}

// reserve waits for room for the body of r, which counts for most, what it may
// have, if its length was not announced. 429 pushes the client back. One body
// always fits.
func (s *Server) reserve(r *http.Request, most int64) (release func(), err error) {
	size := r.ContentLength
	if size < 0 {
		size = most
	}
	ctx, cancel := context.WithTimeout(r.Context(), bodyWait)
	defer cancel()
	if release, err = s.bodies.acquire(ctx, s.tenant(r), size); err != nil {
		return nil, refuse(wire.StatusPushBack, "the bodies that are being read leave no room for one of %d bytes; the limit is %d, and %d of one key; send this again later",
			size, s.limits.QueuedBytes, s.limits.KeyQueuedBytes)
	}
	return release, nil
}

// readRest returns what is there of a body and what is still to come. length is
// the announced one, -1 if there is none.
func readRest(there []byte, from io.Reader, length int64) ([]byte, error) {
	whole := bytes.NewBuffer(make([]byte, 0, max(length, 0)+bytes.MinRead)) // at the end ReadFrom wants room to find nothing in
	whole.Write(there)
	_, err := whole.ReadFrom(from)
	return whole.Bytes(), err
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
	body, release, err := s.readBody(w, r, min(messageBytes, s.limits.BodyBytes))
	if err != nil {
		return err
	}
	defer release()
	return decodeBody(body, message)
}

// decodeOptional is decode for messages that may be left out altogether.
func (s *Server) decodeOptional(w http.ResponseWriter, r *http.Request, message any) error {
	body, release, err := s.readBody(w, r, min(messageBytes, s.limits.BodyBytes))
	if err != nil {
		return err
	}
	defer release()
	if len(body) == 0 {
		return nil
	}
	return decodeBody(body, message)
}

func decodeBody(body []byte, message any) error {
	if err := wire.Decode(body, message); err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	return nil
}
