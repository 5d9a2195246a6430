package transport

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"tinsmith.example/internal/wire"
)

// keys is a Credential that gives one key after the other.
type keys struct {
	list    []string
	refused []string
	err     error // of Renew
}

func (k *keys) Key(context.Context) (string, error) { return k.list[0], nil }

func (k *keys) Renew(_ context.Context, refused string) (string, error) {
	k.refused = append(k.refused, refused)
	k.list = k.list[1:]
	return k.list[0], k.err
}

var invalidToken = step{status: 401, body: `{"detail":"token revoked"}`, header: http.Header{"WWW-Authenticate": {`Bearer error="invalid_token"`}}}

func sentKeys(s *script, path string) []string {
	var list []string
	for _, seen := range s.to(path) {
		list = append(list, seen.header.Get(wire.HeaderAPIKey))
	}
	return list
}

func TestAnInvalidKeyIsRenewedAndTheRequestReplayedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{submitPath: {invalidToken, promised}, pollPath: {result(t)}, healthPath: {invalidToken, invalidToken}})
		sampler := s.sampler(t, nil)
		k := &keys{list: []string{"one", "two", "three"}}
		sampler.client.SetCredential(k)
		if _, err := sample(t.Context(), sampler); err != nil {
			t.Fatal(err)
		}
		if got := sentKeys(s, submitPath); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("submitted with %q", got)
		}
		submits := s.to(submitPath)
		if a, b := submits[0].header.Get(wire.HeaderIdempotencyKey), submits[1].header.Get(wire.HeaderIdempotencyKey); a == "" || a != b {
			t.Errorf("idempotency keys %q and %q", a, b)
		}
		err := sampler.client.Do(t.Context(), health)
		if e, ok := errors.AsType[*Error](err); !ok || e.Status != 401 || e.Attempts != 2 {
			t.Errorf("refused twice: %v", err)
		}
		if got := sentKeys(s, healthPath); !slices.Equal(got, []string{"two", "three"}) || !slices.Equal(k.refused, []string{"one", "two"}) {
			t.Errorf("sent %q, renewed %q", got, k.refused)
		}
	})
}

func TestAServerThatRepeatsTheKeyIsNotQuoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{healthPath: {{status: 401, body: `{"detail":"tml-test is no key"}`}}})
		if e, ok := errors.AsType[*Error](s.client(t).Do(t.Context(), health)); !ok || e.Message != "[key] is no key" {
			t.Error(e)
		}
	})
}

func TestWhatElseA401SaysIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{healthPath: {{status: 401, body: `{"detail":"no"}`}, {status: 401}}})
		c := s.client(t)
		c.SetCredential(&keys{list: []string{"one"}})
		for _, call := range []Call{health, {Method: http.MethodGet, Path: wire.PathHealthz, Key: "own"}} {
			if e, ok := errors.AsType[*Error](c.Do(t.Context(), call)); !ok || e.Status != 401 {
				t.Error(e)
			}
		}
		if got := sentKeys(s, healthPath); !slices.Equal(got, []string{"one", "own"}) {
			t.Errorf("sent %q", got)
		}
	})
}

func TestAKeyThatCannotBeHadEndsTheCallUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{healthPath: {invalidToken}})
		c := s.client(t)
		reason := errors.New("command failed")
		c.SetCredential(&keys{list: []string{"one", "two"}, err: reason})
		err := c.Do(t.Context(), health)
		if !errors.Is(err, reason) || len(s.to(healthPath)) != 1 || Retryable(err) {
			t.Errorf("%v after %d requests", err, len(s.to(healthPath)))
		}
	})
}
