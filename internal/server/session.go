package server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"tinsmith.example/internal/wire"
)

// A session is one run of a client. Heartbeats keep it, and nothing else: a client
// whose heartbeats have stopped, as the API has it, has given up its work.
type session struct {
	id       string
	ctx      context.Context // ends with the session, its cause says how
	cancel   context.CancelCauseFunc
	samplers map[int64]*sampler // by the number that the client gave
	lastBeat time.Time          // or when it was opened
	polls    int                // that wait now
	lapse    *time.Timer        // fires a lapse after lastBeat, or earlier

	number      int64 // in the order of opening
	owner       *account
	displayName string
	metadata    map[string]string
}

func (s *Server) createSession(w http.ResponseWriter, r *http.Request) error {
	var in wire.CreateSessionRequest
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	if err := checkLabels(&in); err != nil {
		return err
	}
	id, err := s.registry.open(s.tenant(r), &in)
	if err != nil {
		return err
	}
	s.log.Info("session opened", "session", id, "client", clip(in.SDKVersion))
	writeJSON(w, http.StatusOK, wire.CreateSessionResponse{Type: wire.TypeCreateSession, SessionID: id})
	return nil
}

func (s *Server) heartbeat(w http.ResponseWriter, r *http.Request) error {
	var in wire.SessionHeartbeat
	if err := s.decode(w, r, &in); err != nil {
		return err
	}
	if err := s.registry.heartbeat(in.SessionID); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.SessionHeartbeatResponse{Type: wire.TypeSessionHeartbeat})
	return nil
}

// finishSession ends a session. To finish one again is no error: the first
// reason stands.
func (s *Server) finishSession(w http.ResponseWriter, r *http.Request) error {
	var in wire.FinishSessionRequest
	if err := s.decodeOptional(w, r, &in); err != nil {
		return err
	}
	id := r.PathValue("session_id")
	if err := s.registry.finish(id); err != nil {
		return err
	}
	s.log.Info("session finished", "session", id, "reason", clip(string(in.Reason.Type)))
	writeJSON(w, http.StatusOK, wire.Empty{})
	return nil
}

// Bounds of what a session's client has written about it, which is kept as long
// as the session.
const (
	maxLabelBytes   = 16 << 10 // of display_name, and of user_metadata
	maxLabelEntries = 256      // of user_metadata, where each takes more than its bytes
)

// checkLabels refuses labels that are too long.
func checkLabels(in *wire.CreateSessionRequest) error {
	if n := len(in.DisplayName); n > maxLabelBytes {
		return refuse(http.StatusBadRequest, "display_name has %d bytes; the limit is %d", n, maxLabelBytes)
	}
	if n := len(in.UserMetadata); n > maxLabelEntries {
		return refuse(http.StatusBadRequest, "user_metadata has %d entries; the limit is %d", n, maxLabelEntries)
	}
	n := 0
	for name, text := range in.UserMetadata {
		n += len(name) + len(text)
	}
	if n > maxLabelBytes {
		return refuse(http.StatusBadRequest, "user_metadata has %d bytes of names and texts; the limit is %d", n, maxLabelBytes)
	}
	return nil
}

// open starts a session of the account of owner and returns its id.
func (g *registry) open(owner string, in *wire.CreateSessionRequest) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return "", errShutDown()
	}
	a := g.account(owner)
	if err := full("sessions", a.sessions, g.limits.KeySessions, len(g.sessions), g.limits.Sessions); err != nil {
		return "", err
	}
	a.sessions++
	g.accounts[owner] = a
	g.opened++
	s := &session{
		id:          rand.Text(),
		samplers:    map[int64]*sampler{},
		lastBeat:    time.Now(),
		number:      g.opened,
		owner:       a,
		displayName: in.DisplayName,
		metadata:    in.UserMetadata,
	}
	s.ctx, s.cancel = context.WithCancelCause(g.root)
	s.lapse = time.AfterFunc(g.limits.SessionLapse, func() { g.checkLapse(s) })
	g.sessions[s.id] = s
	return s.id, nil
}

// full refuses one more of what a key, or all together, have as many of as they may.
func full(what string, own, ownMost, all, most int) error {
	switch {
	case own >= ownMost:
		return refuse(http.StatusTooManyRequests, "%d %s of this key are open, which is the limit; finish sessions that are not needed", own, what)
	case all >= most:
		return refuse(http.StatusTooManyRequests, "%d %s of all keys are open, which is the limit; send this again later", all, what)
	}
	return nil
}

// heartbeat keeps a session alive. 410 tells a client that its session is over.
func (g *registry) heartbeat(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s, ok := g.sessions[id]; ok {
		s.lastBeat = time.Now()
		return nil
	}
	if why := g.ended.why(id); why != nil {
		return refuse(wire.StatusGone, "session %q: %v", id, why)
	}
	return g.noSession(id)
}

func (g *registry) finish(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s, ok := g.sessions[id]; ok {
		g.end(s, errFinished)
		return nil
	}
	if g.ended.why(id) != nil {
		return nil
	}
	return g.noSession(id)
}

// noSession says that there is no session id, or no longer. g.mu is held.
func (g *registry) noSession(id string) error {
	if why := g.ended.why(id); why != nil {
		return refuse(http.StatusNotFound, "session %q is over: %v", id, why)
	}
	return unknown("session", id)
}

// unknown says that there never was such an id, and what to do: where the server
// was restarted, this is the one message that its clients get.
func unknown(what, id string) error {
	return refuse(http.StatusNotFound, "unknown %s %q; a server that was restarted knows none from before: make a new service client", what, id)
}

// checkLapse ends s if it is time, and else looks again when it may be.
func (g *registry) checkLapse(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sessions[s.id] != s {
		return
	}
	if left := g.limits.SessionLapse - time.Since(s.lastBeat); left > 0 {
		s.lapse.Reset(left)
		return
	}
	g.end(s, errLapsed)
}

// end ends a session: its samples stop and its results go. g.mu is held.
func (g *registry) end(s *session, why error) {
	s.lapse.Stop()
	s.cancel(why)
	delete(g.sessions, s.id)
	s.owner.sessions--
	s.owner.samplers -= len(s.samplers)
	g.closeAccount(s.owner)
	g.ended.add(s.id, why)
	for _, p := range s.samplers {
		delete(g.samplers, p.id)
		for _, f := range p.futures {
			if f.place == nil && !f.dropped { // in work: it fails now, and who waits shall know
				g.completed(f)
				p.log(cloneOf(f.seq)).forget(f)
			}
			g.drop(f)
		}
		close(p.news)
	}
}

// endings remember how the latest sessions ended, so that their clients can be
// told. The zero value is ready.
type endings struct {
	reasons map[string]error
	order   []string // of ids, oldest first
}

const maxEndings = 1000

func (e *endings) add(id string, why error) {
	if e.reasons == nil {
		e.reasons = map[string]error{}
	}
	e.reasons[id] = why
	e.order = append(e.order, id)
	if len(e.order) > maxEndings {
		delete(e.reasons, e.order[0])
		e.order = e.order[1:]
	}
}

// why returns how the session ended; nil if it has not, or long ago.
func (e *endings) why(id string) error { return e.reasons[id] }

// isCancellation reports whether err is why a client's own work was stopped.
func isCancellation(err error) bool {
	return errors.Is(err, errCancelled) || errors.Is(err, errFinished) || errors.Is(err, errLapsed)
}
