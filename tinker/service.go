package tinker

import (
	"context"
	"net/http"
	"sync"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// A ServiceClient is a program's connection to a Tinker server, from which its
// other clients come. It has one session, which begins with the first call that
// needs it. It may be used by any number of goroutines; Close ends it.
type ServiceClient struct {
	config *config
	client *transport.Client

	ctx context.Context // ends with ErrClosed
	end context.CancelCauseFunc

	starting chan struct{} // has room for one: whoever fills it may set session
	session  *session      // nil: not begun
	joined   joinedSessions

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
	return c, nil
}

// BaseURL returns the URL of the server that the client uses.
func (c *ServiceClient) BaseURL() string { return c.client.BaseURL() }

// Capabilities are what a server serves.
type Capabilities struct {
	Models []Model
}

// A Model is one that a server serves. Zero means that it did not say.
type Model struct {
	Name             string
	MaxContextLength int // tokens
	Sampleable       bool
	Trainable        bool
}

// Capabilities asks the server what it serves. It needs no session.
func (c *ServiceClient) Capabilities(ctx context.Context) (*Capabilities, error) {
	ctx, leave := endingWith(ctx, c.ctx)
	defer leave()
	var answer wire.ServerCapabilities
	err := c.client.Do(ctx, transport.Call{
		Op: "ServiceClient.Capabilities", Method: http.MethodGet, Path: wire.PathServerCapabilities,
		Answer: &answer, Policy: transport.Briefly,
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
	if ctx.Err() != nil {
		return nil, endedError(ctx, op)
	}
	select {
	case c.starting <- struct{}{}:
		defer func() { <-c.starting }()
	case <-ctx.Done():
		return nil, endedError(ctx, op)
	}
	if c.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if c.session == nil {
		s, err := startSession(ctx, c, op)
		if err != nil {
			return nil, publicError(err)
		}
		c.session = s
	}
	return c.session, nil
}

// Close ends the session: calls that still run return ErrClosed, as do all later
// ones, and the server is told that the session is finished. Close returns when
// all of the client's goroutines have ended, or with the cause once ctx ends;
// give it a deadline where the server may be gone. A client that has begun no
// session sends nothing. Later calls of Close wait for the first, or for their
// own context, and return the same.
func (c *ServiceClient) Close(ctx context.Context) error {
	c.closing.Do(func() {
		c.end(ErrClosed)
		go func() {
			defer close(c.closed)
			c.closeErr = c.finish(ctx)
		}()
	})
	select {
	case <-c.closed:
		return c.closeErr
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *ServiceClient) finish(ctx context.Context) error {
	defer c.client.Close()
	c.starting <- struct{}{} // a start that was under way is over: its context has ended
	defer func() { <-c.starting }()
	c.joined.close(ctx)
	if c.session == nil {
		return nil
	}
	if err := c.session.close(ctx); err != nil {
		return publicError(err)
	}
	return nil
}
