package tinker

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// explain makes an error of package transport one of ours, and says in it if the
// session is gone. A server answers 404 then, or 403, but it does so as well where
// something else is unknown to it: the session itself is asked about.
func (s *session) explain(ctx context.Context, err error) error {
	err = publicError(err)
	e, ok := errors.AsType[*APIError](err)
	if !ok || e.Err != nil || e.Status != http.StatusNotFound && e.Status != http.StatusForbidden {
		return err
	}
	e.Err = s.gone(ctx)
	return err
}

// askAgain is how long it counts that the server knew the session: calls fail in
// crowds, and one question is enough for all.
const askAgain = time.Second

// gone is ErrSessionGone or ErrSessionEnded if the server, asked by a heartbeat,
// does not know the session.
func (s *session) gone(ctx context.Context) error {
	if err := s.pulse.gone(); err != nil {
		return err
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil
	}
	if err := s.pulse.gone(); err != nil || time.Since(s.asked) < askAgain {
		return err
	}
	asking, leave := endingWith(s.ctx, ctx) // observers of the call are not told of it
	defer leave()
	sent := time.Now()
	err := s.sendHeartbeat(asking)
	if asking.Err() != nil {
		return nil
	}
	s.asked = time.Now()
	s.pulse.note(sent, err)
	return s.pulse.gone()
}
