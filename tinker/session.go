package tinker

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// A session is what the server knows a ServiceClient by, with what keeps it
// alive. Its goroutines are the calls made in it and its loops; all of them end
// with ctx, and stop waits for them.
type session struct {
	id       string
	client   *transport.Client
	server   wire.ClientConfig
	dynamic  atomic.Pointer[wire.DynamicConfig]
	pulse    pulse
	tokens   *webTokens // nil: the server takes keys as they are
	gate     *transport.Gate
	samplers atomic.Int64 // the next sampling session's number
	models   atomic.Int64 // the next training client's number
	config   *config
	joined   *wire.HandleHolder    // what a copy was told of the session; nil: the session is our own
	flush    func(context.Context) // sends what has to be sent while there is a session; nil: nothing

	observers observers
	isolation isolation
	abandoned *abandoned
	asking    chan struct{} // has room for one: whoever fills it may set asked
	asked     time.Time     // when the server was last asked whether it knows the session
	latest    latest        // heartbeat, where config.hosted

	ctx context.Context // the ServiceClient's, which ends with ErrClosed

	mu     sync.Mutex
	closed bool
	work   sync.WaitGroup                        // Add only under mu and while not closed
	calls  map[*context.CancelCauseFunc]struct{} // under way, by what ends their contexts
}

const shortTimeout = 10 * time.Second // for heartbeats and the dynamic configuration

// startSession begins a session with a server that c is connected to, and starts
// its loops.
func startSession(ctx context.Context, c *ServiceClient, op string) (*session, error) {
	s := &session{client: c.client, config: c.config, ctx: c.ctx, tokens: c.tokens, server: *c.server, observers: c.observers}
	if err := s.refresh(ctx, op, transport.Sparsely); err != nil {
		return nil, err
	}
	if err := s.create(ctx, op); err != nil {
		return nil, err
	}
	s.begin()
	c.pulse.Store(&s.pulse)
	s.report(c.telemetry)
	return s, nil
}

// begin applies what the server has said, and starts the loops.
func (s *session) begin() {
	s.isolation.session = s
	s.asking = make(chan struct{}, 1)
	s.calls = map[*context.CancelCauseFunc]struct{}{}
	s.client.SetBillingPause(time.Duration(min(s.server.BillingMaxPauseSeconds, 1e9)) * time.Second)
	s.abandoned = newAbandoned(s.dynamic.Load().SampleCancelMaxBatch)
	s.gate = transport.NewGate(s.server.SampleDispatchBytes, s.server.InflightResponseBytes)
	s.pulse.begin(s.id, s.config.log)
	s.run(s.endCalls)
	s.run(s.keepAlive)
	s.run(s.keepConfigured)
	if s.tokens != nil {
		s.run(func() { s.tokens.keepFresh(s.ctx) })
	}
}

// refresh asks for what the server may change. A server that does not know the
// question means the defaults.
func (s *session) refresh(ctx context.Context, op string, policy transport.Policy) error {
	dynamic := wire.DefaultDynamicConfig()
	err := s.client.Do(ctx, transport.Call{
		Op: op, Silent: true, Path: wire.PathDynamicConfig, Body: &wire.ConfigRequest{SDKVersion: wire.ContractVersion},
		Answer: &dynamic, Timeout: shortTimeout, Policy: policy,
	})
	if e, ok := errors.AsType[*transport.Error](err); ok && e.Status == http.StatusNotFound {
		dynamic, err = wire.DefaultDynamicConfig(), nil
	}
	if err == nil {
		s.dynamic.Store(&dynamic)
	}
	return err
}

func (s *session) create(ctx context.Context, op string) error {
	var created wire.CreateSessionResponse
	err := s.client.Do(ctx, transport.Call{
		Op: op, Silent: true, Path: wire.PathCreateSession, Answer: &created, Policy: transport.Briefly,
		Body: &wire.CreateSessionRequest{
			Tags: s.config.tags, UserMetadata: s.config.userMetadata, SDKVersion: wire.ContractVersion,
			ProjectID: s.config.projectID, DisplayName: s.config.displayName, Type: wire.TypeCreateSession,
		},
	})
	if err != nil {
		return err
	}
	if created.SessionID == "" {
		return missing(op, "session_id")
	}
	s.id = created.SessionID
	for _, m := range []struct {
		log  func(string, ...any)
		text string
	}{
		{s.config.log.Info, created.InfoMessage}, {s.config.log.Warn, created.WarningMessage}, {s.config.log.Error, created.ErrorMessage},
	} {
		if m.text != "" {
			m.log("tinker: the server says: " + m.text)
		}
	}
	return nil
}

// enter counts a call in, and returns its context, which also ends with the
// session.
func (s *session) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	if err := s.admit(&cancel); err != nil {
		cancel(nil)
		return nil, nil, err
	}
	return ctx, func() { s.leave(&cancel) }, nil
}

// admit counts a call in, so that stop waits for it. cancel ends its context, and
// will be called if the session ends before leave.
func (s *session) admit(cancel *context.CancelCauseFunc) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.work.Add(1)
	s.calls[cancel] = struct{}{}
	if s.ctx.Err() != nil { // endCalls may have looked already
		(*cancel)(context.Cause(s.ctx))
	}
	return nil
}

// leave counts a call out, and ends its context.
func (s *session) leave(cancel *context.CancelCauseFunc) {
	(*cancel)(nil)
	s.mu.Lock()
	delete(s.calls, cancel)
	s.mu.Unlock()
	s.work.Done()
}

// endCalls ends the contexts of the calls that are under way when the session ends.
func (s *session) endCalls() {
	<-s.ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	for cancel := range s.calls {
		(*cancel)(context.Cause(s.ctx))
	}
}

// run starts a goroutine of the session, unless that is closed.
func (s *session) run(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Go(f)
	}
	return !s.closed
}

// keepAlive sends heartbeats until the session ends, here or on the server.
func (s *session) keepAlive() {
	ticker := time.NewTicker(s.config.heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		sent, err := s.beat()
		if s.config.hosted { // the program asks for it, and tells
			s.latest.set(sent, err)
			if e, ok := errors.AsType[*transport.Error](err); ok && e.Status == wire.StatusGone {
				return
			}
			continue
		}
		if s.ctx.Err() != nil || !s.pulse.note(sent, err) {
			return
		}
	}
}

// beat sends a heartbeat, unless the process that samples has done so since this
// one asked the server last. It was not sent before sent.
func (s *session) beat() (sent time.Time, err error) {
	asked := s.pulse.lastAsked()
	if err, ok := s.isolation.heartbeat(s.ctx, asked); ok {
		return asked, err
	}
	sent = time.Now()
	return sent, s.sendHeartbeat(s.ctx)
}

func (s *session) sendHeartbeat(ctx context.Context) error {
	return s.client.Do(ctx, transport.Call{
		Op: "the heartbeat", Silent: true, Path: wire.PathSessionHeartbeat, Timeout: shortTimeout, Policy: transport.Once,
		Body: &wire.SessionHeartbeat{SessionID: s.id, Type: wire.TypeSessionHeartbeat},
	})
}

// keepConfigured asks for the dynamic configuration again and again. Failures
// leave it as it is.
func (s *session) keepConfigured() {
	const shortest = 10 * time.Second
	for {
		wait := time.Duration(min(s.dynamic.Load().RefreshSeconds, 1e6) * float64(time.Second))
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(max(wait, shortest)):
		}
		if err := s.refresh(s.ctx, "", transport.Once); err != nil {
			s.config.log.Debug("tinker: the dynamic configuration could not be refreshed", "error", err)
		}
	}
}

// stop waits for what runs in the session, whose context has ended, and cancels it
// on the server, unless that has ended the session itself.
func (s *session) stop(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.work.Wait()
	if !s.ended() {
		s.cancelLeft(ctx)
	}
	s.isolation.close(ctx) // which cancels what is under way there
}

// ended reports whether the server has ended the session.
func (s *session) ended() bool { return s.pulse.gone() == ErrSessionEnded }

// close ends a session that has been stopped, and tells the server how it ended,
// unless that has ended it itself, or the session is another client's to end.
func (s *session) close(ctx context.Context, last *wire.FinishSessionRequest) error {
	ended := s.ended()
	if s.flush != nil && !ended {
		s.flush(ctx)
	}
	if s.joined != nil {
		s.client.Close()
		return nil
	}
	if ended {
		return nil
	}
	err := publicError(s.client.Do(ctx, transport.Call{
		Op: "ServiceClient.Close", Path: wire.FinishSessionPath(s.id), Policy: transport.Twice, Body: last,
	}))
	if e, ok := errors.AsType[*APIError](err); ok && e.Err == nil && e.Status == http.StatusNotFound {
		// The session, or the path: that a session can be finished is not known to all
		// servers and proxies. What of the client was to ask has ended already.
		s.pulse.note(time.Now(), s.sendHeartbeat(ctx))
		e.Err = s.pulse.gone()
	}
	return err
}
