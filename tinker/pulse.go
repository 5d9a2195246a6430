package tinker

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// silenceLimit is for how long heartbeats may stay unanswered before that is
// worth a word.
const silenceLimit = 2 * time.Minute

// A pulse is what the heartbeats of a session say about it, from begin on.
type pulse struct {
	mu      sync.Mutex
	session string
	log     *slog.Logger
	heard   time.Time // when a heartbeat was answered last
	asked   time.Time // when this process sent the last one that said whether the server knows the session
	trouble error     // what SessionErr says
}

func (p *pulse) begin(session string, log *slog.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session, p.log, p.heard = session, log, time.Now()
}

// note takes how a heartbeat went that was not sent before sent, and reports
// whether another one makes sense. Heartbeats may overtake each other: the end of
// the session is for good, and otherwise the one that was sent last has the say.
// It logs what is new, and nothing twice.
func (p *pulse) note(sent time.Time, err error) (goOn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trouble == ErrSessionEnded {
		return false
	}
	e, ok := errors.AsType[*transport.Error](err)
	if ok && e.Status == wire.StatusGone {
		args := []any{"session", p.session}
		if e.Message != "" {
			args = append(args, "message", e.Message)
		}
		p.log.Error("tinker: the server has ended the session", args...)
		p.trouble = ErrSessionEnded
		return false
	}
	if sent.Before(p.asked) {
		return true
	}
	// A server that was restarted does not know the session. So may one of several
	// behind a proxy, for a while: heartbeats go on.
	unknown := ok && e.Status == http.StatusNotFound
	if err == nil || unknown {
		p.asked = sent
	}
	if err == nil {
		if p.trouble != nil {
			p.log.Info("tinker: heartbeats are answered again", "session", p.session)
		}
		p.heard, p.trouble = time.Now(), nil
		return true
	}
	silent := time.Since(p.heard)
	switch {
	case !unknown && silent < silenceLimit:
		return true
	case p.trouble != nil:
	case unknown:
		p.log.Warn("tinker: the server does not know the session", "session", p.session, "error", err)
	default:
		p.log.Warn("tinker: no heartbeat has been answered for a while", "session", p.session, "for", silent.Round(time.Second), "error", err)
	}
	p.trouble = publicError(err)
	if public, ok := errors.AsType[*APIError](p.trouble); ok && unknown {
		public.Err = ErrSessionGone
	}
	return true
}

// gone is ErrSessionGone or ErrSessionEnded, if the session is.
func (p *pulse) gone() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.trouble == ErrSessionEnded:
		return ErrSessionEnded
	case errors.Is(p.trouble, ErrSessionGone):
		return ErrSessionGone
	}
	return nil
}

// lastAsked is when this process asked last whether the server knows the session,
// and got an answer: what was known before is out of date.
func (p *pulse) lastAsked() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *pulse) err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble
}
