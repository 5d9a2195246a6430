package tinker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tinsmith.example/internal/wire"
)

// A mint is a fake that wants web tokens and makes them, one after the other and
// good for lifetime; or answers with refuse, if that is set.
type mint struct {
	f        *fake
	lifetime time.Duration
	made     int
	refuse   atomic.Pointer[reply]
}

func newMint(t *testing.T, lifetime time.Duration) *mint {
	m := &mint{f: newFake(t), lifetime: lifetime}
	m.f.on(wire.PathClientConfig, `{"pjwt_auth_enabled":true}`)
	m.f.set(wire.PathAuthToken, func(seenRequest) reply {
		if refusal := m.refuse.Load(); refusal != nil {
			return *refusal
		}
		m.made++
		return reply{status: 200, body: fmt.Sprintf(`{"jwt":%q}`, m.token(m.made, time.Now()))}
	})
	return m
}

func (m *mint) token(n int, issued time.Time) string {
	return jwt(fmt.Sprintf(`{"n":%d,"iat":%d,"exp":%d}`, n, issued.Unix(), issued.Add(m.lifetime).Unix()))
}

// exchanges are when tokens were asked for.
func (m *mint) exchanges() (at []time.Duration) {
	for _, seen := range m.f.to(wire.PathAuthToken) {
		at = append(at, seen.at)
	}
	return at
}

// revoke makes samples with token fail in the way that asks for another one.
func (m *mint) revoke(token string) {
	m.f.mu.Lock()
	defer m.f.mu.Unlock()
	answer := m.f.answer[wire.PathSample]
	m.f.set(wire.PathSample, func(r seenRequest) reply {
		if r.header.Get(wire.HeaderAPIKey) == token {
			return reply{status: 401, body: `{"detail":"token revoked"}`, header: http.Header{"WWW-Authenticate": {`Bearer error="invalid_token"`}}}
		}
		return answer(r)
	})
}

func TestTheKeyIsExchangedForAWebToken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		if _, err := m.f.sampling(t, SamplingClientConfig{}).Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
			t.Fatal(err)
		}
		for _, seen := range m.f.seen {
			want := m.token(1, m.f.start)
			if seen.path == wire.PathClientConfig || seen.path == wire.PathAuthToken {
				want = testKey
			}
			if got := seen.header.Get(wire.HeaderAPIKey); got != want {
				t.Errorf("%s has key %s, want %s", seen.path, got, want)
			}
		}
		if exchanges := m.f.to(wire.PathAuthToken); len(exchanges) != 1 || string(exchanges[0].raw) != `{}` || exchanges[0].header.Get(wire.HeaderSDKMethod) != "" {
			t.Errorf("exchanges %+v", exchanges)
		}
	})
}

func TestAWebTokenIsRenewedAtHalfItsLifetime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		m.f.sampling(t, SamplingClientConfig{})
		time.Sleep(24 * time.Hour)
		at := m.exchanges()
		for i := 1; i < len(at); i++ {
			if wait := at[i] - at[i-1]; wait < 27*time.Minute || wait > 33*time.Minute {
				t.Errorf("exchange %d after %v", i, wait)
			}
		}
		if len(at) < 44 || len(at) > 54 {
			t.Errorf("%d exchanges in a day", len(at))
		}
	})
}

func TestATokenOfWhichNothingIsKnownIsRenewedEveryMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		m.f.on(wire.PathAuthToken, `{"jwt":"opaque"}`)
		client := m.f.sampling(t, SamplingClientConfig{})
		time.Sleep(10*time.Minute + time.Second)
		if _, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
			t.Error(err)
		}
		if n := len(m.exchanges()); n != 11 {
			t.Errorf("%d exchanges", n)
		}
	})
}

// Many calls that find the token revoked cost one exchange.
func TestARevokedTokenIsReplacedOnceForAll(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		client := m.f.sampling(t, SamplingClientConfig{})
		m.revoke(m.token(1, m.f.start))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(m.exchanges()); n != 2 {
			t.Errorf("%d exchanges", n)
		}
	})
}

func TestAnExchangeThatIsRefusedEndsCallsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		client := m.f.sampling(t, SamplingClientConfig{})
		m.revoke(m.token(1, m.f.start))
		m.refuse.Store(&reply{status: 401, body: `{"detail":"key revoked"}`})
		_, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		e, ok := errors.AsType[*APIError](err)
		if !ok || e.Status != 401 || e.Op != "SamplingClient.Sample" || time.Since(m.f.start) != 0 {
			t.Errorf("got %v after %v", err, time.Since(m.f.start))
		}
		if c, ok := errors.AsType[*CredentialError](err); !ok || !strings.Contains(c.Error(), "key revoked") {
			t.Errorf("got %v", err)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, testKey) || strings.Contains(text, "eyJ") {
			t.Error(text)
		}
	})
}

// A credential that is not accepted any more is no use near the token's end.
func TestARefusalCountsOnceTheTokenIsAboutToExpire(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		client := m.f.sampling(t, SamplingClientConfig{})
		m.refuse.Store(&reply{status: 401, body: `{"detail":"key revoked"}`})
		for _, tt := range []struct {
			after time.Duration
			fails bool
		}{{58 * time.Minute, false}, {59*time.Minute + 10*time.Second, true}, {59*time.Minute + 20*time.Second, true}} {
			time.Sleep(time.Until(m.f.start.Add(tt.after)))
			_, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
			if e, ok := errors.AsType[*APIError](err); ok != tt.fails || ok && e.Status != 401 {
				t.Errorf("after %v: %v", tt.after, err)
			}
		}
	})
}

// A server that makes no tokens for a while does no harm as long as the old one
// is good, and not much after that.
func TestATokenThatCannotBeRenewedDoesUntilItExpires(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		var log bytes.Buffer
		svc := m.f.service(t, WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))))
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		m.refuse.Store(&reply{status: 400, body: `{"detail":"no tokens today"}`})
		sample := func(after time.Duration) (took time.Duration, err error) {
			time.Sleep(time.Until(m.f.start.Add(after)))
			begin := time.Now()
			_, err = client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
			return time.Since(begin), err
		}
		for _, after := range []time.Duration{40 * time.Minute, 59*time.Minute + 30*time.Second} {
			if took, err := sample(after); err != nil || took > 0 {
				t.Errorf("after %v: %v, in %v", after, err, took)
			}
		}
		if n := len(m.exchanges()); n < 20 || n > 40 {
			t.Errorf("%d exchanges, want one a minute from half of the lifetime on", n)
		}
		_, err = sample(61 * time.Minute)
		if e, ok := errors.AsType[*CredentialError](err); !ok || !strings.Contains(e.Error(), "no tokens today") {
			t.Errorf("after it expired: %v", err)
		}
		m.refuse.Store(nil)
		if _, err = sample(62 * time.Minute); err != nil {
			t.Errorf("later: %v", err)
		}
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "every minute"); n != 1 {
			t.Errorf("%d warnings: %s", n, &log)
		}
	})
}

// Whoever stops waiting for an exchange leaves it to those who wait on.
func TestAnImpatientCallFailsNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		client := m.f.sampling(t, SamplingClientConfig{})
		m.revoke(m.token(1, m.f.start))
		mintNow := m.f.answer[wire.PathAuthToken]
		m.f.set(wire.PathAuthToken, func(r seenRequest) reply {
			a := mintNow(r)
			a.hold = 5 * time.Second
			return a
		})
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+10*i)*time.Second)
				defer cancel()
				_, err := client.Sample(ctx, &SampleRequest{Prompt: FromTokens([]int32{1})})
				if wantErr := i == 0; (err != nil) != wantErr || wantErr && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("call %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if n := len(m.exchanges()); n > 3 {
			t.Errorf("%d exchanges", n)
		}
	})
}

// Close still has a word with the server, and so a token.
func TestCloseRenewsATokenIfItHasTo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		m := newMint(t, time.Hour)
		svc := m.f.service(t)
		if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
			t.Fatal(err)
		}
		m.refuse.Store(&reply{status: 400})
		time.Sleep(2 * time.Hour)
		m.refuse.Store(nil)
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := m.f.to(wire.FinishSessionPath("S")); len(got) != 1 || got[0].header.Get(wire.HeaderAPIKey) != m.token(2, time.Now()) {
			t.Errorf("finished with %+v", got)
		}
	})
}
