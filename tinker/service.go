package tinker

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tinsmith.example/internal/telemetry"
	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// A ServiceClient is a program's connection to a Tinker server, from which its
// other clients come. It has one session, which begins with the first call that
// needs it. It may be used by any number of goroutines; Close ends it.
//
// A session that the program forgets, or that a network has cut off, ends on the
// server some time after the last heartbeat: SessionErr says how it is.
type ServiceClient struct {
	config    *config
	client    *transport.Client
	observers observers
	telemetry *telemetry.Reporter // nil: not wanted

	ctx context.Context // ends with ErrClosed
	end context.CancelCauseFunc

	starting chan struct{}      // has room for one: whoever fills it may set what follows
	server   *wire.ClientConfig // what the server wants of its clients; nil: not asked yet
	tokens   *webTokens         // nil: the server takes keys as they are
	session  *session           // nil: not begun
	joined   joinedSessions

	pulse atomic.Pointer[pulse] // the session's; nil: not begun

	closing  sync.Once
	closed   chan struct{} // closed once closeErr is set
	closeErr error
}

// NewServiceClient makes a client. It reads the environment and checks the
// options, with an *ArgumentError for what cannot be right, but sends nothing.
func NewServiceClient(opts ...Option) (*ServiceClient, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	client, err := cfg.transport(cfg.baseURL, cfg.header)
	if err != nil {
		return nil, err
	}
	c := &ServiceClient{config: cfg, client: client, starting: make(chan struct{}, 1), closed: make(chan struct{})}
	c.ctx, c.end = context.WithCancelCause(context.Background())
	c.observers, c.telemetry = cfg.observing(client)
	return c, nil
}

// BaseURL returns the URL of the server that the client uses.
func (c *ServiceClient) BaseURL() string { return c.client.BaseURL() }

// Capabilities are what a server serves.
type Capabilities struct {
	Models []Model // in the server's order
}

// A Model is one that a server serves. Zero means that it did not say.
type Model struct {
	Name             string // what SamplingClientConfig.BaseModel takes
	MaxContextLength int    // tokens: of the prompt and a sample together
	Sampleable       bool   // CreateSamplingClient takes it
	Trainable        bool   // training takes it
}

// Capabilities asks the server what it serves. It needs no session.
func (c *ServiceClient) Capabilities(ctx context.Context) (*Capabilities, error) {
	const op = "ServiceClient.Capabilities"
	return watched(ctx, c.observers, op, "", func(ctx context.Context) (*Capabilities, error) { return c.capabilities(ctx, op) })
}

func (c *ServiceClient) capabilities(ctx context.Context, op string) (*Capabilities, error) {
	ctx, leave := endingWith(ctx, c.ctx)
	defer leave()
	if err := c.alone(ctx, op, func() error { return c.connect(ctx, op) }); err != nil {
		return nil, err
	}
	var answer wire.ServerCapabilities
	err := c.client.Do(ctx, transport.Call{
		Op: op, Method: http.MethodGet, Path: wire.PathServerCapabilities, Answer: &answer, Policy: transport.Briefly,
	})
	if err != nil {
		return nil, publicError(err)
	}
	list := &Capabilities{}
	for _, m := range answer.SupportedModels {
		list.Models = append(list.Models, Model{
			Name: m.ModelName, MaxContextLength: valueOf(m.MaxContextLength),
			Sampleable: valueOf(m.Sampleable), Trainable: valueOf(m.Trainable),
		})
	}
	return list, nil
}

func valueOf[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// endingWith returns ctx, ending also when owner does, and then with its cause.
func endingWith(ctx, owner context.Context) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(owner, func() { cancel(context.Cause(owner)) })
	if owner.Err() != nil {
		cancel(context.Cause(owner)) // at once, not soon
	}
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// begin returns the session, which the first call starts. A start that failed
// is tried again by the next call.
func (c *ServiceClient) begin(ctx context.Context, op string) (*session, error) {
	ctx, leave := endingWith(ctx, c.ctx)
	defer leave()
	err := c.alone(ctx, op, func() (err error) {
		if c.session != nil {
			return nil
		}
		if err = c.connect(ctx, op); err == nil {
			c.session, err = startSession(ctx, c, op)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.session, nil
}

// alone runs f, one at a time, unless the client is closed.
func (c *ServiceClient) alone(ctx context.Context, op string, f func() error) error {
	if ctx.Err() != nil {
		return endedError(ctx, op)
	}
	select {
	case c.starting <- struct{}{}:
		defer func() { <-c.starting }()
	case <-ctx.Done():
		return endedError(ctx, op)
	}
	if c.ctx.Err() != nil {
		return ErrClosed
	}
	if err := f(); err != nil {
		return publicError(err)
	}
	return nil
}

// connect asks, once, what the server wants of its clients, with the credential
// as it is, and authorizes later calls accordingly. It runs alone.
func (c *ServiceClient) connect(ctx context.Context, op string) error {
	if c.server != nil {
		return nil
	}
	key, err := c.config.credential.get(ctx)
	if err != nil && ctx.Err() != nil {
		return endedError(ctx, op)
	}
	if err != nil {
		return err
	}
	server := wire.DefaultClientConfig()
	err = c.client.Do(ctx, transport.Call{
		Op: op, Silent: true, Path: wire.PathClientConfig, Body: &wire.ConfigRequest{SDKVersion: wire.ContractVersion},
		Answer: &server, Policy: transport.Patiently, Key: key,
	})
	if err != nil {
		return err
	}
	if c.tokens, err = c.config.authorize(c.client, &server); err != nil {
		return err
	}
	c.client.SetBillingPause(time.Duration(min(server.BillingMaxPauseSeconds, 1e9)) * time.Second)
	c.server = &server
	return nil
}

// SessionErr says what is wrong with the session. It is nil while all is well,
// and before a session has begun; ErrSessionEnded once the server has said that
// the session is over, for good; and an *APIError, the latest heartbeat's, while
// the server does not know the session (it was restarted: that error wraps
// ErrSessionGone), and while no heartbeat has been answered for two minutes, after
// which a server may give a session up. The log has a message when that begins,
// and when it ends; and it alone has them for the sessions of others, which copies
// keep alive here.
func (c *ServiceClient) SessionErr() error {
	if p := c.pulse.Load(); p != nil {
		return p.err()
	}
	return nil
}

// Close ends the session: calls that still run return ErrClosed, as do all later
// ones, and the server is told that the session is finished. Samples that were
// under way are canceled there before, where the server allows that, as many at
// once as it says; all of that takes two seconds at most, and what is left then
// ends as the server sees fit. Close returns when all of the client's goroutines
// have ended, or with the cause once ctx ends; give it a deadline where the server
// may be gone. A client that has begun no session sends nothing, and nor does one
// whose session the server has ended.
// Later calls of Close wait for the first, or for their own context, and return
// the same.
func (c *ServiceClient) Close(ctx context.Context) error {
	return c.Finish(ctx, FinishSuccess, "")
}

// A FinishReason says how the work in a session ended.
type FinishReason string

const (
	FinishSuccess     FinishReason = wire.FinishSuccess     // the program has done what it was for
	FinishErrored     FinishReason = wire.FinishErrored     // it failed
	FinishInterrupted FinishReason = wire.FinishInterrupted // it was stopped before its end
)

// Finish is Close with a word, for listings of sessions, on how the work in it
// ended. detail may be empty. Of several calls of Finish and Close the first one
// has the say.
func (c *ServiceClient) Finish(ctx context.Context, reason FinishReason, detail string) error {
	switch reason {
	case FinishSuccess, FinishErrored, FinishInterrupted:
	default:
		return &ArgumentError{"reason", string(reason), fmt.Sprintf("%q, %q or %q", FinishSuccess, FinishErrored, FinishInterrupted)}
	}
	last := wire.FinishSessionRequest{Reason: wire.FinishReason{Type: string(reason)}}
	if detail != "" {
		last.Detail = &detail
	}
	c.closing.Do(func() {
		c.end(ErrClosed)
		go func() {
			defer close(c.closed)
			c.closeErr = c.finish(ctx, &last)
		}()
	})
	select {
	case <-c.closed:
		return c.closeErr
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *ServiceClient) finish(ctx context.Context, last *wire.FinishSessionRequest) error {
	defer c.client.Close()
	c.starting <- struct{}{} // a start that was under way is over: its context has ended
	defer func() { <-c.starting }()
	joined := c.joined.end()
	sessions := joined
	if c.session != nil {
		sessions = append(sessions, c.session)
	}
	canceling, over := context.WithTimeout(ctx, closeCancelLimit)
	defer over()
	atOnce(sessions, func(s *session) { s.stop(canceling) })
	atOnce(joined, func(s *session) { s.close(ctx, nil) })
	if c.session == nil {
		return nil
	}
	return c.session.close(ctx, last)
}

// atOnce does f for all sessions side by side: each may have to wait for a server
// that is gone.
func atOnce(sessions []*session, f func(*session)) {
	var doing sync.WaitGroup
	for _, s := range sessions {
		doing.Go(func() { f(s) })
	}
	doing.Wait()
}
