package tinker

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// joinedSessions are the sessions that other clients began and copies here
// continue. Copies of clients of one session share it, as the clients do. The
// zero value has none.
type joinedSessions struct {
	mu     sync.Mutex
	closed bool
	list   map[string]*session // by all that is known of them
}

// join returns the session of a handle, which the caller has checked. It sends
// nothing, but from here on keeps the session alive, over connections of its own.
func (c *ServiceClient) join(h *wire.SamplerHandle) (*session, error) {
	identity := wire.SamplerHandle{SessionID: h.SessionID, Holder: h.Holder}
	identity.Holder.DynamicConfig = wire.DynamicConfig{} // of the moment
	key, err := wire.Encode(&identity)
	if err != nil {
		return nil, err
	}
	c.joined.mu.Lock()
	defer c.joined.mu.Unlock()
	if c.joined.closed {
		return nil, ErrClosed
	}
	if s := c.joined.list[string(key)]; s != nil {
		return s, nil
	}
	header := c.config.header.Clone()
	for name, value := range h.Holder.HeaderOverrides {
		header.Set(name, value)
	}
	client, err := c.config.transport(h.Holder.BaseURL, header)
	if err != nil {
		return nil, err
	}
	tokens, err := c.config.authorize(client, &h.Holder.ClientConfig)
	if err != nil {
		client.Close()
		return nil, err
	}
	s := &session{
		id: h.SessionID, client: client, config: c.config, ctx: c.ctx, tokens: tokens,
		server: h.Holder.ClientConfig, joined: &h.Holder,
	}
	s.dynamic.Store(&h.Holder.DynamicConfig)
	observers, reporter := c.config.observing(client)
	s.observers = observers
	s.begin()
	s.report(reporter)
	if c.joined.list == nil {
		c.joined.list = map[string]*session{}
	}
	c.joined.list[string(key)] = s
	return s, nil
}

// end returns all of them, and lets no more join.
func (j *joinedSessions) end() []*session {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	return slices.Collect(maps.Values(j.list))
}

// A joiner is the sampler of a copy. Its requests have numbers that no other
// client of the sampling session uses: the server says which, if it offers that,
// and else they are drawn. The server refuses a number that was used before.
type joiner struct {
	session *session
	id      string // the sampling session
	retry   RetryConfig
	queue   func(state, reason string)

	joining chan struct{} // has room for one: whoever fills it may set sampler
	sampler *transport.Sampler
}

func (s *session) newJoiner(id string, retry RetryConfig, queue func(state, reason string)) *joiner {
	return &joiner{session: s, id: id, retry: retry, queue: queue, joining: make(chan struct{}, 1)}
}

func (j *joiner) Sample(ctx context.Context, call transport.SampleCall) (*transport.Sampled, error) {
	s, err := j.join(ctx, call.Op)
	if err != nil {
		return nil, err
	}
	return s.Sample(ctx, call)
}

// join makes the sampler with the first call that gets so far.
func (j *joiner) join(ctx context.Context, op string) (*transport.Sampler, error) {
	select {
	case j.joining <- struct{}{}:
		defer func() { <-j.joining }()
	case <-ctx.Done():
		return nil, &transport.Error{Op: op, Path: wire.PathJoinSamplingSession, Err: context.Cause(ctx)}
	}
	if j.sampler == nil {
		clone, err := j.number(ctx, op)
		if err != nil {
			return nil, err
		}
		j.sampler = j.session.newSampler(j.id, clone*wire.SeqIDsPerClone, &j.retry, j.queue)
	}
	return j.sampler, nil
}

// number returns which copy of the client this is, at least 1.
func (j *joiner) number(ctx context.Context, op string) (int64, error) {
	if !j.session.server.SampleJoinSamplingSession {
		return 1 + rand.Int64N(wire.SeqIDsPerClone), nil
	}
	var joined wire.JoinSamplingSessionResponse
	err := j.session.client.Do(ctx, transport.Call{
		Op: op, Path: wire.PathJoinSamplingSession, Answer: &joined, Policy: transport.Patiently,
		Body: &wire.JoinSamplingSessionRequest{SamplingSessionID: j.id, Type: wire.TypeJoinSamplingSession},
	})
	if err != nil {
		return 0, err
	}
	const most = math.MaxInt64/wire.SeqIDsPerClone - 1
	if n := joined.ClientCounter; n < 1 || n > most {
		return 0, &transport.Error{
			Op: op, Path: wire.PathJoinSamplingSession, Status: http.StatusOK, Attempts: 1,
			Err: fmt.Errorf("client_counter is %d, must be between 1 and %d", n, most),
		}
	}
	return joined.ClientCounter, nil
}

// checkHandle refuses a handle that would send the key where it must not go, or
// whose headers cannot be sent.
func (c *config) checkHandle(h *wire.SamplerHandle) error {
	allowed := append([]string{c.baseURL}, c.handleServers...)
	if !slices.ContainsFunc(allowed, func(url string) bool { return sameURL(url, h.Holder.BaseURL) }) {
		return &ArgumentError{"the handle's base URL", h.Holder.BaseURL, fmt.Sprintf("%q, for which the key is, or one of WithHandleServers", c.baseURL)}
	}
	for name, value := range h.Holder.HeaderOverrides {
		if !isHeaderName(name) {
			return &ArgumentError{"a header of the handle", name, "a name of letters, digits and hyphens"}
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return &ArgumentError{"the handle's header " + name, notShown(value), "without control characters"}
		}
	}
	return nil
}

func sameURL(a, b string) bool {
	return strings.TrimRight(a, "/") == strings.TrimRight(b, "/")
}

func isHeaderName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}
