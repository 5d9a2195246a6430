package tinker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tinsmith.example/internal/sidecar"
	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// A host is the process that samples for a program, from inside: copies of that
// program's clients. Each of its sessions has a ServiceClient, with the key and
// the settings of the one there.
type host struct {
	note func([]byte)

	mu       sync.Mutex
	sessions map[int64]*hosted
}

// A hosted is a session of the program.
type hosted struct {
	service  *ServiceClient
	session  *session
	samplers map[int64]*SamplingClient // under the host's mutex
}

func newHost(note func([]byte)) sidecar.Handler {
	h := &host{note: note, sessions: map[int64]*hosted{}}
	return h.handle
}

func (h *host) handle(ctx context.Context, payload []byte, note func([]byte)) []byte {
	if len(payload) == 0 {
		return sidecarResult(nil, errors.New("an empty call"))
	}
	kind, m := payload[0], payload[1:]
	var sampled *transport.Sampled
	var err error
	switch kind {
	case sidecarOpenSampler:
		err = h.open(m)
	case sidecarSample:
		sampled, err = h.sample(ctx, m, note)
	case sidecarBeat:
		err = h.beat(m)
	case sidecarClose:
		err = h.close(ctx, m)
	default:
		err = fmt.Errorf("a call of unknown kind %q", kind)
	}
	return sidecarResult(sampled, err)
}

// open makes a copy of a client, unless it is there.
func (h *host) open(message []byte) error {
	var m sidecarOpen
	if err := wire.Decode(message, &m); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	session := h.sessions[m.Session]
	if session == nil {
		service, err := NewServiceClient(h.options(&m))
		if err != nil {
			return err
		}
		session = &hosted{service: service, samplers: map[int64]*SamplingClient{}}
	}
	if session.samplers[m.Sampler] != nil {
		return nil
	}
	client := new(SamplingClient)
	err := client.open(session.service, m.Copy, func(state QueueState, reason string) {
		h.note(mustEncode(&sidecarNote{Session: m.Session, Queue: &sidecarQueue{Sampler: m.Sampler, State: string(state), Reason: reason}}))
	})
	if err != nil {
		return err
	}
	session.session = client.session
	session.samplers[m.Sampler] = client
	h.sessions[m.Session] = session
	return nil
}

// options are the settings of the program's client, in place of the environment's.
func (h *host) options(m *sidecarOpen) Option {
	return func(c *config) error {
		*c = config{
			baseURL: m.Copy.Handle.Holder.BaseURL, apiKey: m.Settings.APIKey, credentialCommand: m.Settings.CredentialCommand, allowPlainHTTP: m.Settings.AllowPlainHTTP,
			heartbeat: time.Duration(m.Settings.Heartbeat), header: m.Settings.Header, hosted: true,
			log: slog.New(&noteHandler{note: h.note, session: m.Session, lowest: slog.Level(m.Settings.LogLevel)}),
		}
		return nil
	}
}

func (h *host) sample(ctx context.Context, message []byte, note func([]byte)) (*transport.Sampled, error) {
	var m sidecarCall
	if err := wire.Decode(message, &m); err != nil {
		return nil, err
	}
	var client *SamplingClient
	h.mu.Lock()
	if session := h.sessions[m.Session]; session != nil {
		client = session.samplers[m.Sampler]
	}
	h.mu.Unlock()
	if client == nil || m.Request == nil {
		return nil, errors.New("no such sampler, or no request")
	}
	return within(ctx, client.session, func(ctx context.Context, cancel context.CancelCauseFunc) (*transport.Sampled, error) {
		if m.Traced {
			ctx = transport.WithTrace(ctx, func(x transport.Exchange) { note(mustEncode(exchangeMessage(x))) })
		}
		return client.sampler.Sample(ctx, transport.SampleCall{
			Op: m.Op, Request: m.Request, PromptBytes: m.PromptBytes, Direct: m.Direct, Cancel: cancel,
		})
	})
}

func (h *host) find(number int64) (*hosted, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	session := h.sessions[number]
	if session == nil {
		return nil, fmt.Errorf("no session %d", number)
	}
	return session, nil
}

func (h *host) beat(message []byte) error {
	var m sidecarAge
	if err := wire.Decode(message, &m); err != nil {
		return err
	}
	session, err := h.find(m.Session)
	if err != nil {
		return err
	}
	return session.session.latest.get(time.Duration(m.Within))
}

func (h *host) close(ctx context.Context, message []byte) error {
	var m sidecarSession
	if err := wire.Decode(message, &m); err != nil {
		return err
	}
	session, err := h.find(m.Session)
	if err != nil {
		return err
	}
	h.mu.Lock()
	delete(h.sessions, m.Session)
	h.mu.Unlock()
	return session.service.Close(ctx)
}

// A latest has what came of the latest of something that is done again and again.
type latest struct {
	mu    sync.Mutex
	begun time.Time // zero: not done yet
	err   error
}

// errOld says that nothing has been begun as lately as was asked.
var errOld = errors.New("nothing new")

func (l *latest) set(begun time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun, l.err = begun, err
}

// get returns what came of it, or errOld if it was not begun within that time.
func (l *latest) get(within time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun.IsZero() || time.Since(l.begun) >= within {
		return errOld
	}
	return l.err
}

// A noteHandler hands what is logged to the program's logger, as texts.
type noteHandler struct {
	note    func([]byte)
	session int64
	lowest  slog.Level
	attrs   [][2]string
	prefix  string // of the groups that are open
}

func (h *noteHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.lowest }

func (h *noteHandler) Handle(_ context.Context, r slog.Record) error {
	m := &sidecarLog{Time: r.Time.UnixNano(), Level: int(r.Level), Message: r.Message, Attrs: h.attrs[:len(h.attrs):len(h.attrs)]}
	r.Attrs(func(a slog.Attr) bool {
		m.Attrs = appendAttr(m.Attrs, h.prefix, a)
		return true
	})
	h.note(mustEncode(&sidecarNote{Session: h.session, Log: m}))
	return nil
}

func (h *noteHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = h.attrs[:len(h.attrs):len(h.attrs)]
	for _, a := range attrs {
		with.attrs = appendAttr(with.attrs, h.prefix, a)
	}
	return &with
}

func (h *noteHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.prefix += name + "."
	return &with
}

func appendAttr(list [][2]string, prefix string, a slog.Attr) [][2]string {
	value := a.Value.Resolve()
	if value.Kind() != slog.KindGroup {
		return append(list, [2]string{prefix + a.Key, value.String()})
	}
	for _, inner := range value.Group() {
		list = appendAttr(list, prefix+a.Key+".", inner)
	}
	return list
}
