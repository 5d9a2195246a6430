package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

var health = Call{Op: "Client.Health", Method: http.MethodGet, Path: wire.PathHealthz, Policy: Patiently}

func TestCallsAreTriedAgainUntilTheAnswerIsFinal(t *testing.T) {
	ok := step{status: 200, body: `{"status":"ok"}`}
	header := func(name, value string) http.Header { return http.Header{name: {value}} }
	for _, tt := range []struct {
		name   string
		policy Policy
		steps  []step
		status int           // of the error; 0 and no cause: success
		cause  string        // of the error
		least  time.Duration // that it takes
		most   time.Duration
	}{
		{"ok", Patiently, []step{ok}, 0, "", 0, 0},
		{"busy", Patiently, []step{{status: 429}, ok}, 0, "", 375 * time.Millisecond, 625 * time.Millisecond},
		{"broken three times", Patiently, []step{{status: 503, times: 3}, ok}, 0, "", 2 * time.Second, 5 * time.Second},
		{"asks for 7 s", Patiently, []step{{status: 429, header: header("Retry-After", "7")}, ok}, 0, "", 7 * time.Second, 7 * time.Second},
		{"asks for 1.5 s", Patiently, []step{{status: 503, header: header("Retry-After-Ms", "1500")}, ok}, 0, "", 1500 * time.Millisecond, 1500 * time.Millisecond},
		{"asks for an hour", Patiently, []step{{status: 503, header: header("Retry-After", "3600")}, ok}, 0, "", 0, time.Second},
		{"reset", Patiently, []step{{}, ok}, 0, "", 0, time.Second},
		{"edge proxy", Patiently, []step{{status: 400}, ok}, 0, "", 0, time.Second},
		{"stalls", Patiently, []step{{hold: time.Hour}, ok}, 0, "", time.Minute, 61 * time.Second},
		{"refused", Patiently, []step{{status: 400, body: `{"detail":"no"}`}}, 400, "no", 0, 0},
		{"no such thing", Patiently, []step{{status: 404, body: `{"detail":"gone fishing"}`}}, 404, "gone fishing", 0, 0},
		{"says never again", Patiently, []step{{status: 503, header: header("X-Should-Retry", "false")}}, 503, "", 0, 0},
		{"says again", Patiently, []step{{status: 404, header: header("X-Should-Retry", "true")}, ok}, 0, "", 0, time.Second},
		{"once", Once, []step{{status: 503}}, 503, "", 0, 0},
		{"briefly", Briefly, []step{{status: 503, times: 11}}, 503, "11 attempts", 30 * time.Second, 100 * time.Second},
		{"patiently", Patiently, []step{{status: 503, times: 60}}, 503, "attempts in 5m0s", 5 * time.Minute, 5 * time.Minute},
		{"unpaid for 20 minutes", Patiently, []step{{status: 402, times: 240}, ok}, 0, "", 20 * time.Minute, 20 * time.Minute},
		{"unpaid for more than an hour", Patiently, []step{{status: 402, times: 721}}, 402, "", time.Hour, time.Hour},
		{"redirected", Patiently, []step{{status: 307, header: header("Location", "https://evil.test/")}}, 307, "not followed", 0, 0},
		{"not JSON", Patiently, []step{{status: 200, body: `<html>`}}, 200, "body", 0, 0},
		{"no such host", Patiently, []step{{err: &net.DNSError{IsNotFound: true}}}, 0, "lookup", 0, 0},
		{"false certificate", Patiently, []step{{err: &tls.CertificateVerificationError{Err: errors.New("expired")}}}, 0, "certificate", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, map[string][]step{healthPath: tt.steps})
				// The waits between the tries vary; that the last comes at the end does not.
				call, answer := health, wire.Health{}
				call.Policy, call.Answer = tt.policy, &answer
				err := s.client(t).Do(t.Context(), call)
				took := time.Since(s.start)
				if tt.name != "patiently" {
					s.allDone()
				}
				if took < tt.least || took > tt.most {
					t.Errorf("took %v, want %v to %v", took, tt.least, tt.most)
				}
				if tt.status == 0 && tt.cause == "" {
					if err != nil || answer.Status != "ok" {
						t.Errorf("got %+v, %v", answer, err)
					}
					return
				}
				e, isError := errors.AsType[*Error](err)
				if !isError || e.Status != tt.status || !strings.Contains(err.Error(), tt.cause) {
					t.Fatalf("got %v, want status %d and %q", err, tt.status, tt.cause)
				}
				if e.Op != "Client.Health" || e.Path != wire.PathHealthz || e.Attempts != len(s.to(healthPath)) {
					t.Errorf("got %+v", e)
				}
			})
		})
	}
}

func TestRetriesRepeatTheIdempotencyKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := "/prefix" + wire.PathCreateSession
		s := newScript(t, map[string][]step{path: {{status: 500, times: 2}, {status: 200, body: `{}`, times: 2}}})
		c := s.client(t)
		for range 2 {
			if err := c.Do(t.Context(), Call{Path: wire.PathCreateSession, Body: &wire.CreateSessionRequest{}, Policy: Briefly}); err != nil {
				t.Fatal(err)
			}
		}
		var keys []string
		for _, seen := range s.to(path) {
			keys = append(keys, seen.header.Get(wire.HeaderIdempotencyKey))
		}
		if keys[0] == "" || keys[0] != keys[1] || keys[1] != keys[2] || keys[2] == keys[3] {
			t.Errorf("three tries and another call: %q", keys)
		}
	})
}

func TestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{healthPath: {{status: 200, body: `{}`}}, submitPath: {promised}, pollPath: {pending, result(t)}})
		if err := s.client(t).Do(t.Context(), health); err != nil {
			t.Fatal(err)
		}
		if _, err := sample(t.Context(), s.sampler(t, nil)); err != nil {
			t.Fatal(err)
		}
		get, submit, polls := s.to(healthPath)[0].header, s.to(submitPath)[0].header, s.to(pollPath)
		for _, tt := range []struct {
			header     http.Header
			name, want string
		}{
			{get, "X-Api-Key", "tml-test"}, {get, "Accept", "application/json"}, {get, "User-Agent", "test"},
			{get, "Content-Type", ""}, {get, "X-Sdk-Version", "0.38.0"}, {get, "X-Sdk-Method", "Client.health"},
			{submit, "Content-Type", "application/json"}, {submit, "X-Tinker-Sampling-Backpressure", "1"},
			{submit, "X-Sdk-Method", "SamplingClient.sample"}, {submit, "X-Api-Key", "tml-test"},
			{polls[0].header, "Accept", "application/x-protobuf"}, {polls[0].header, "X-Tinker-Request-Type", "Sample"},
			{polls[0].header, "X-Tinker-Request-Iteration", "0"}, {polls[1].header, "X-Tinker-Request-Iteration", "1"},
		} {
			if got := tt.header.Get(tt.name); got != tt.want {
				t.Errorf("%s is %q, want %q", tt.name, got, tt.want)
			}
		}
	})
}

func TestTheContextEndsACallAtOnce(t *testing.T) {
	for name, steps := range map[string][]step{
		"while no answer comes": {{hold: time.Hour}},
		"between two tries":     {{status: 429, header: http.Header{"Retry-After": {"50"}}}},
		"while unpaid":          {{status: 402, times: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reason := errors.New("user left")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(12*time.Second, func() { cancel(reason) })
				s := newScript(t, map[string][]step{healthPath: steps})
				err := s.client(t).Do(ctx, health)
				if took := time.Since(s.start); !errors.Is(err, reason) || took != 12*time.Second {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

// The key stays with the host that it is for, whatever that host answers.
func TestTheKeyGoesToNoOtherHost(t *testing.T) {
	var leaked []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Get(wire.HeaderAPIKey))
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		c, err := New(Config{BaseURL: server.URL, APIKey: "tml-secret", UserAgent: "test"})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Do(t.Context(), health)
		if e, ok := errors.AsType[*Error](err); !ok || e.Status != status {
			t.Errorf("%d: %v", status, err)
		}
		c.Close()
		server.Close()
	}
	if len(leaked) > 0 {
		t.Errorf("the other host got %d requests, with keys %q", len(leaked), leaked)
	}
}

// What moves is not given up, however long it takes; what stops is.
func TestSilenceAndNotSlownessEndsATry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pieces := 0
		slow := roundTripper(func(r *http.Request) (*http.Response, error) {
			body := readerFunc(func(b []byte) (int, error) {
				wait := 50 * time.Second // less than the minute that is allowed
				if pieces++; pieces > 5 {
					wait = time.Hour
				}
				if err := sleep(r.Context(), wait); err != nil {
					return 0, err
				}
				return copy(b, " "), nil
			})
			return &http.Response{StatusCode: 200, Body: io.NopCloser(body)}, nil
		})
		c, err := New(Config{BaseURL: "https://tinker.test", APIKey: "tml-x", UserAgent: "test", HTTP: &http.Client{Transport: slow}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		call := health
		call.Policy = Once
		err = c.Do(t.Context(), call)
		if took := time.Since(start); took != 5*50*time.Second+time.Minute {
			t.Errorf("took %v", took)
		}
		if timeout, ok := errors.AsType[*timeoutError](err); !ok || !timeout.Timeout() {
			t.Error(err)
		}
	})
}

type (
	roundTripper func(*http.Request) (*http.Response, error)
	readerFunc   func([]byte) (int, error)
)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
func (f readerFunc) Read(b []byte) (int, error)                          { return f(b) }

// A poll that is held longer than the caller's client would wait is no trouble.
func TestTheTimeoutOfTheHTTPClientIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{healthPath: {{status: 200, body: `{}`, hold: 30 * time.Second}}})
		caller := &http.Client{Transport: s, Timeout: time.Second}
		c, err := New(Config{BaseURL: "https://tinker.test/prefix", APIKey: "tml-test", UserAgent: "test", HTTP: caller})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Do(t.Context(), Call{Method: http.MethodGet, Path: wire.PathHealthz, Policy: Once}); err != nil {
			t.Error(err)
		}
		if caller.Timeout != time.Second {
			t.Error("the caller's own client was changed")
		}
	})
}

func TestAnswersBeyondTheLimitAreNotRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	c, err := New(Config{BaseURL: server.URL, APIKey: "tml-x", UserAgent: "test", MaxResponse: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Do(t.Context(), health); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Error(err)
	}
}

func TestBaseURLs(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"http://127.0.0.1:8731", ""}, {"http://[::1]:80/x", ""}, {"http://localhost/a/b//", ""}, {"https://host/p", ""},
		{"http://host.docker.internal", "unencrypted"}, {"http://10.0.0.1", "unencrypted"}, {"http://127.0.0.1.evil.test", "unencrypted"},
		{"ftp://host", "http or https"}, {"localhost:8731", "http or https"}, {"host", "http or https"}, {"", "http or https"}, {"https://", "with a host"},
		{"https://user:secret@host", "without user and password"}, {"https://host?x=secret", "query"}, {"https://host#secret", "fragment"},
		{"https://ho st:secret", "a URL with its scheme"},
		{"https://host/api/v1", "without /api/v1, which is added to it: https://host"}, {"https://host/p/api/v1/", "added to it: https://host/p"},
	} {
		c, err := New(Config{BaseURL: tt.url, APIKey: "tml-x", UserAgent: "test"})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.url, err)
		case tt.want == "" && strings.HasSuffix(c.BaseURL(), "/"):
			t.Errorf("%s became %s", tt.url, c.BaseURL())
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %q", tt.url, err, tt.want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("the error shows a password: %v", err)
		}
	}
	if _, err := New(Config{BaseURL: "http://10.0.0.1", AllowPlainHTTP: true}); err != nil {
		t.Error(err)
	}
}

func TestANameWithAnUnderscoreIsAskedForWithAHyphen(t *testing.T) {
	for base, want := range map[string]string{"https://my_host.example/a_b": "my-host.example", "https://my-host.example/a_b": ""} {
		got := ""
		if config := newHTTPTransport(base).TLSClientConfig; config != nil {
			got = config.ServerName
		}
		if got != want {
			t.Errorf("%s: server name %q, want %q", base, got, want)
		}
	}
}

func TestBillingWindows(t *testing.T) {
	b := billing{most: time.Hour}
	at := func(d time.Duration) bool { return b.blocked(time.Unix(0, 0).Add(d)) }
	var got []bool
	for _, minute := range []time.Duration{0, 4, 8, 56, 60, 64, 68, 74} {
		if minute == 56 { // the window stays open only while 402s come
			for m := time.Duration(12); m < 56; m += 4 {
				at(m * time.Minute)
			}
		}
		got = append(got, at(minute*time.Minute))
	}
	want := []bool{true, true, true, true, false, false, false, true} // 74: after more than five quiet minutes
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTroubleIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{healthPath: {{status: 429, header: http.Header{"Retry-After": {"10"}}, times: 13}, {status: 200, body: `{}`}}})
		var log bytes.Buffer
		c := s.client(t)
		c.log = slog.New(slog.NewTextHandler(&log, nil))
		if err := c.Do(t.Context(), health); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "tried again"); n != 3 { // at 0, 60 and 120 s
			t.Errorf("%d warnings:\n%s", n, &log)
		}
		// What there is not to be said of these answers, which have no body, is left out.
		if strings.Contains(log.String(), "message=") || strings.Contains(log.String(), "error=") || !strings.Contains(log.String(), "status=429") {
			t.Errorf("log:\n%s", &log)
		}
	})
}
