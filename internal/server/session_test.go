package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

func TestHeartbeatsKeepASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped := make(chan error, 1)
		_, c := serve(t, &fakeBackend{sample: func(ctx context.Context, _ *engine.Request) (*engine.Result, error) {
			<-ctx.Done()
			stopped <- context.Cause(ctx)
			return nil, ctx.Err()
		}}, Limits{})
		session := c.session()
		id := c.sampler(session, 0)
		c.submit(sampleOf(id, 0))
		beat := func() int {
			return first(c.post(wire.PathSessionHeartbeat, wire.SessionHeartbeat{SessionID: session}))
		}
		for range 5 {
			time.Sleep(10*time.Minute - time.Second)
			if status := beat(); status != 200 {
				t.Fatalf("heartbeat in time: %d", status)
			}
		}
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		if len(stopped) != 0 {
			t.Fatal("the sample was stopped before its session lapsed")
		}
		time.Sleep(time.Second)
		if err := <-stopped; !errors.Is(err, errLapsed) {
			t.Errorf("the sample ended with %v, want that its session lapsed", err)
		}
		if status := beat(); status != 410 {
			t.Errorf("heartbeat of a lapsed session: %d, want 410", status)
		}
		if status, body := c.post(wire.PathSample, sampleOf(id, 1)); status != 404 || !strings.Contains(detail(t, body), "lapsed") {
			t.Errorf("asample in a lapsed session: %d %s, want 404 that says so", status, body)
		}
		if status, body := c.post("/api/v1/sessions/"+session+"/finish", `{}`); status != 200 {
			t.Errorf("finish of a lapsed session: %d %s, want 200", status, body)
		}
	})
}

// TestOnlyHeartbeatsKeepASession: a client that asks for results, and whose
// heartbeats have stopped, has given up its session.
func TestOnlyHeartbeatsKeepASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{sample: blocked(nil)}, Limits{})
		start := time.Now()
		id := c.newSampler()
		p := c.submit(sampleOf(id, 0))
		for range 19 {
			if status, body := c.retrieve(p.RequestID); status != 408 {
				t.Fatalf("%d %s after %v, want 408", status, body, time.Since(start))
			}
		}
		c.submit(sampleOf(id, 1))
		time.Sleep(30*time.Second + time.Millisecond)
		if status, body := c.retrieve(p.RequestID); status != 404 || !strings.Contains(detail(t, body), "heartbeat") {
			t.Errorf("%d %s after %v, want 404 that says why", status, body, time.Since(start))
		}
	})
}

func TestUnknownSession(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	for path, body := range map[string]any{
		wire.PathSessionHeartbeat:      wire.SessionHeartbeat{SessionID: "nobody"},
		wire.PathCreateSamplingSession: wire.CreateSamplingSessionRequest{SessionID: "nobody", BaseModel: fakeName},
		wire.PathRetrieveFuture:        wire.RetrieveFutureRequest{RequestID: "nobody:sample:0:0"},
	} {
		if status, answer := c.post(path, body); status != 404 || !strings.Contains(detail(t, answer), "nobody") {
			t.Errorf("%s: %d %s, want 404", path, status, answer)
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{Sessions: 2})
	c.session()
	session := c.session()
	if status, body := c.post(wire.PathCreateSession, `{}`); status != 429 {
		t.Errorf("third session: %d %s, want 429", status, body)
	}
	c.post("/api/v1/sessions/"+session+"/finish", `{}`)
	c.session()
}

// TestOneKeyLeavesSessionsForOthers, and samplers: what it has of them is bounded,
// comes back with the end of a session, and is its own.
func TestOneKeyLeavesSessionsForOthers(t *testing.T) {
	s, c := serve(t, &fakeBackend{}, Limits{Sessions: 3, KeySessions: 2, Samplers: 5, KeySamplers: 3})
	a, b, d := c.as("tml-a"), c.as("tml-b"), c.as("tml-d")
	first, other := a.session(), a.session()
	refused := func(c *caller, path string, in any, want string) {
		t.Helper()
		if status, body := c.post(path, in); status != 429 || !strings.Contains(detail(t, body), want) {
			t.Errorf("%d %s, want 429 with %q", status, body, want)
		}
	}
	sampler := func(session string, n int64) wire.CreateSamplingSessionRequest {
		return wire.CreateSamplingSessionRequest{SessionID: session, SamplingSessionSeqID: n, BaseModel: fakeName}
	}
	refused(a, wire.PathCreateSession, `{}`, "2 sessions of this key")
	theirs := b.session()
	refused(d, wire.PathCreateSession, `{}`, "3 sessions of all keys")

	a.sampler(first, 0)
	a.sampler(first, 1)
	a.sampler(other, 0)
	refused(a, wire.PathCreateSamplingSession, sampler(other, 1), "3 samplers of this key")
	a.sampler(other, 0) // again, as retries do
	b.sampler(theirs, 0)
	b.sampler(theirs, 1)
	a.post(wire.FinishSessionPath(first), `{}`)
	d.session()
	a.sampler(other, 1)
	for _, session := range []string{other, theirs} {
		a.post(wire.FinishSessionPath(session), `{}`)
	}
	if n := len(s.registry.accounts); n != 1 {
		t.Errorf("%d accounts are kept, want that of the one session alone", n)
	}
}

func TestEndingsAreBounded(t *testing.T) {
	var e endings
	for i := range maxEndings + 1 {
		e.add(string(rune(i+'0')), errFinished)
	}
	if e.why("0") != nil || e.why("1") == nil || len(e.reasons) != maxEndings || len(e.order) != maxEndings {
		t.Errorf("%d endings kept, want the latest %d", len(e.reasons), maxEndings)
	}
}

// TestUnknownSessionsSayWhatToDo: to clients of a server that was restarted,
// their sessions are as unknown as those that never were.
func TestUnknownSessionsSayWhatToDo(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	for path, message := range map[string]any{
		wire.PathSample:                sampleOf("EARLIER:sample:0", 0),
		wire.PathSessionHeartbeat:      wire.SessionHeartbeat{SessionID: "EARLIER"},
		wire.PathCreateSamplingSession: wire.CreateSamplingSessionRequest{SessionID: "EARLIER", BaseModel: fakeName},
	} {
		if status, body := c.post(path, message); status != 404 || !strings.Contains(detail(t, body), "make a new service client") {
			t.Errorf("%s: %d %s, want 404 that says what to do", path, status, body)
		}
	}
}
