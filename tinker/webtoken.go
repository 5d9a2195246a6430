package tinker

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// webTokens exchanges a credential for web tokens of the server, which expire,
// and keeps the latest. It is the transport's Credential. Calls renew a token
// that is about to expire or was called invalid, one of them for all that come
// at once; keepFresh renews it before that is needed.
type webTokens struct {
	credential credential
	client     *transport.Client
	log        *slog.Logger
	turn       chan struct{} // has room for one: whoever fills it may exchange

	mu   sync.Mutex
	held heldToken
}

// A heldToken is the latest token, and how the latest exchange went.
type heldToken struct {
	token    string // "": none yet
	expires  time.Time
	renew    time.Time // when it is time for another one
	failures int       // exchanges that failed so far
	failure  error     // of the latest exchange; nil: it succeeded
	failed   time.Time // when it did
}

var _ transport.Credential = (*webTokens)(nil)

const (
	tokenMargin = time.Minute // before a token expires, from when on calls renew it
	tokenRetry  = time.Minute // between exchanges that fail
)

func newWebTokens(credential credential, client *transport.Client, log *slog.Logger) *webTokens {
	return &webTokens{credential: credential, client: client, log: log, turn: make(chan struct{}, 1)}
}

func (w *webTokens) now() heldToken {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held
}

// fresh reports whether calls may use the token without a thought.
func (h *heldToken) fresh() bool { return h.token != "" && time.Until(h.expires) > tokenMargin }

// alive reports whether the server may still take the token.
func (h *heldToken) alive() bool { return h.token != "" && time.Until(h.expires) > 0 }

// Key returns a token. If a new one is due and cannot be had, the old one does
// until it expires, unless the server refuses the credential itself.
func (w *webTokens) Key(ctx context.Context) (string, error) {
	held := w.now()
	if held.fresh() {
		return held.token, nil
	}
	err := held.failure
	if err == nil || !held.alive() || time.Since(held.failed) >= tokenRetry {
		var token string
		if token, err = w.exchange(ctx, func(h *heldToken) bool { return h.fresh() }); err == nil {
			return token, nil
		}
		held = w.now()
	}
	if ctx.Err() == nil && held.alive() && !refused(err) {
		return held.token, nil
	}
	return "", err
}

// Renew returns a token other than stale.
func (w *webTokens) Renew(ctx context.Context, stale string) (string, error) {
	return w.exchange(ctx, func(h *heldToken) bool { return h.token != stale })
}

// exchange gets a new token, unless others have got one in the meantime that
// will do, or have failed to.
func (w *webTokens) exchange(ctx context.Context, willDo func(*heldToken) bool) (string, error) {
	before := w.now()
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	held := w.now()
	switch {
	case willDo(&held):
		return held.token, nil
	case held.failures != before.failures:
		return "", held.failure
	}
	token, err := w.ask(ctx)
	if ctx.Err() != nil { // which says nothing about the credential
		return "", context.Cause(ctx)
	}
	w.note(token, err)
	return token, err
}

func (w *webTokens) ask(ctx context.Context) (string, error) {
	key, err := w.credential.get(ctx)
	if err != nil {
		return "", err
	}
	var answer wire.AuthTokenResponse
	err = w.client.Do(ctx, transport.Call{
		Op: "the exchange for a web token", Silent: true, Path: wire.PathAuthToken, Body: &wire.Empty{}, Answer: &answer,
		Policy: transport.Briefly, Key: key,
	})
	if err == nil && answer.JWT == "" {
		err = errors.New("the answer has no jwt")
	}
	if err != nil {
		return "", &CredentialError{Err: err}
	}
	return answer.JWT, nil
}

// note keeps what an exchange brought.
func (w *webTokens) note(token string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.held.failure = err
	if err != nil {
		w.held.failures++
		w.held.failed, w.held.renew = now, now.Add(tokenRetry)
		return
	}
	w.held.token = token
	claims, err := readClaims(token)
	if err != nil { // what it says is for the server
		w.held.renew, w.held.expires = now.Add(tokenRetry), now.Add(2*tokenRetry+tokenMargin)
		return
	}
	w.held.expires, w.held.renew = claims.expires, now.Add(tokenRetry)
	if lifetime := claims.expires.Sub(claims.issued); !claims.issued.IsZero() && lifetime > 0 {
		w.held.renew = now.Add(time.Duration(float64(lifetime) * (0.45 + 0.1*rand.Float64())))
	}
}

// keepFresh renews the token whenever it is time, until ctx ends.
func (w *webTokens) keepFresh(ctx context.Context) {
	for {
		held := w.now()
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(held.renew)):
		}
		_, err := w.exchange(ctx, func(h *heldToken) bool { return time.Now().Before(h.renew) })
		switch {
		case err == nil || ctx.Err() != nil:
		case held.failure == nil:
			w.log.Warn("tinker: the web token could not be renewed, and will be tried again every minute", "error", err)
		default:
			w.log.Debug("tinker: the web token could not be renewed", "error", err)
		}
	}
}

// refused reports whether the server does not accept the credential itself.
func refused(err error) bool {
	e, ok := errors.AsType[*transport.Error](err)
	return ok && e.Status == http.StatusUnauthorized
}

// A fixedKey is the Credential of a server that takes keys as they are.
type fixedKey struct{ credential }

func (f fixedKey) Key(ctx context.Context) (string, error) { return f.get(ctx) }

// Renew returns the same key: there is no other.
func (f fixedKey) Renew(_ context.Context, refused string) (string, error) { return refused, nil }

// authorize gives client the credential that its server, which says this of
// itself, wants of it. With the web tokens that come of it, if any, goes the duty
// to keep them fresh.
func (cfg *config) authorize(client *transport.Client, server *wire.ClientConfig) (*webTokens, error) {
	c := cfg.credential
	if !server.JWTAuthEnabled {
		if c.key == "" {
			return nil, &CredentialError{Err: errors.New("the server takes API keys and no other credentials: set one with WithAPIKey or TINKER_API_KEY")}
		}
		client.SetCredential(fixedKey{c})
		return nil, nil
	}
	if server.CredentialDefaultSource == wire.CredentialFromCommand && !strings.HasPrefix(c.key, webTokenPrefix) {
		if c.command == "" {
			return nil, &CredentialError{Err: errors.New("your organization wants credentials that expire: set a command that prints one with WithCredentialCommand or TINKER_CREDENTIAL_CMD")}
		}
		c.key = ""
	}
	tokens := newWebTokens(c, client, cfg.log)
	client.SetCredential(tokens)
	return tokens, nil
}
