package transport

import (
	"context"
	"net/http"
	"strings"
)

// A Credential is where the key of each call comes from, if it is not the same
// one for all of them. It may be used by any number of goroutines.
type Credential interface {
	// Key returns the key to send.
	Key(ctx context.Context) (string, error)
	// Renew returns another key than refused, which the server has just called
	// invalid, or refused itself if there is no other.
	Renew(ctx context.Context, refused string) (string, error)
}

// SetCredential makes calls carry a key of credential instead of Config.APIKey,
// unless they bring their own.
func (c *Client) SetCredential(credential Credential) { c.credential.Store(&credential) }

// exchange sends m once, unless ctx has ended, and reads the answer to its end. A
// message whose key the server calls invalid is sent once more with another one.
func (c *Client) exchange(ctx context.Context, t *trail, m message) answer {
	t.path = m.path
	if ctx.Err() != nil {
		return answer{err: context.Cause(ctx)}
	}
	from := c.credential.Load()
	switch {
	case m.key != "":
		return c.attempt(ctx, t, m, m.key)
	case from == nil:
		return c.attempt(ctx, t, m, c.key)
	}
	key, err := (*from).Key(ctx)
	if err != nil {
		return answer{err: &credentialError{err}}
	}
	a := c.attempt(ctx, t, m, key)
	if !a.keyInvalid() {
		return a
	}
	another, err := (*from).Renew(ctx, key)
	switch {
	case err != nil:
		return answer{err: &credentialError{err}}
	case another == key:
		return a
	}
	return c.attempt(ctx, t, m, another)
}

// keyInvalid reports whether the server wants another key of the same holder
// (RFC 6750, section 3.1), not another holder.
func (a answer) keyInvalid() bool {
	return a.status == http.StatusUnauthorized && strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`)
}

// A credentialError is a call for which no key could be had, so that it was not
// sent.
type credentialError struct{ error }

func (e *credentialError) Unwrap() error { return e.error }
