package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tinsmith.example/internal/wire"
)

// seconds are the times of a sighting in seconds.
func seconds(list []time.Duration) []float64 {
	var s []float64
	for _, d := range list {
		s = append(s, d.Seconds())
	}
	return s
}

func seqIDs(s *script) []float64 {
	var ids []float64
	for _, seen := range s.to(submitPath) {
		ids = append(ids, seen.body["seq_id"].(float64))
	}
	return ids
}

func TestSamplingSurvives(t *testing.T) {
	busy := step{status: 429, body: `{"detail":"busy"}`, header: http.Header{"Retry-After": {"50"}}}
	gone := step{status: 410, body: `{"detail":"lost"}`}
	eager := step{status: 408, body: `{"type":"try_again"}`}
	size := step{status: 200, body: `{"status":"complete_metadata","response_payload_size":99999999999}`}
	done := result(t)
	for _, tt := range []struct {
		name          string
		submit, poll  []step
		seq           []float64 // the numbers submitted
		submits, asks []float64 // seconds at which requests came; nil: not looked at
	}{
		{"nothing", []step{promised}, []step{done}, []float64{0}, []float64{0}, []float64{0}},
		{"push-backs", []step{busy, busy, promised}, []step{done}, []float64{0, 0, 0}, []float64{0, 1, 2}, nil},
		{"an unpaid bill", []step{{status: 402}, promised}, []step{{status: 402}, done}, []float64{0, 0}, []float64{0, 1}, []float64{1, 6}},
		{"submissions without an answer", []step{{}, {hold: time.Hour}, promised}, []step{done}, []float64{0, 0, 0}, []float64{0, 1, 63}, nil},
		{"a broken server", []step{{status: 500}, {status: 408}, {status: 409}, promised}, []step{done}, []float64{0, 0, 0, 0}, []float64{0, 1, 3, 7}, nil},
		{"a server that is broken for long", []step{{status: 500, times: 7}, promised}, []step{done}, []float64{0, 0, 0, 0, 0, 0, 0, 0}, []float64{0, 1, 3, 7, 15, 31, 61, 91}, nil},
		{"an edge proxy", []step{{status: 400}, promised}, []step{{status: 400}, done}, []float64{0, 0}, []float64{0, 1}, []float64{1, 2}},
		{"long polls", []step{promised}, []step{pending, pending, done}, []float64{0}, nil, []float64{0, 30, 60}},
		{"hasty pending answers", []step{promised}, []step{eager, eager, eager, eager, done}, []float64{0}, nil, []float64{0, 0.02, 0.06, 0.14, 0.3}},
		{"try_again with 200", []step{promised}, []step{{status: 200, body: eager.body}, done}, []float64{0}, nil, []float64{0, 0.02}},
		{"polls without an answer", []step{promised}, []step{{}, {}, {}, done}, []float64{0}, nil, []float64{0, 1, 3, 7}},
		{"polls that stall", []step{promised}, []step{{hold: time.Hour}, done}, []float64{0}, nil, []float64{0, 46}},
		{"silence that is broken", []step{promised}, []step{{}, {}, pending, {}, done}, []float64{0}, nil, []float64{0, 1, 3, 33, 34}},
		{"polls pushed back", []step{promised}, []step{busy, busy, done}, []float64{0}, nil, []float64{0, 1, 3}},
		{"broken polls", []step{promised}, []step{{status: 502, times: 3}, done}, []float64{0}, nil, []float64{0, 0.25, 0.75, 1.75}},
		{"two complaints", []step{promised}, []step{{status: 400, body: `{}`, times: 2}, eager, {status: 400, body: `{}`, times: 2}, done}, []float64{0}, nil, nil},
		{"a lost result", []step{promised, promised}, []step{gone, done}, []float64{0, 1}, []float64{0, 0.5}, nil},
		{"results lost for long", []step{{status: 200, body: promised.body, times: 8}}, []step{{status: 410, times: 7}, done},
			[]float64{0, 1, 2, 3, 4, 5, 6, 7}, []float64{0, 0.5, 1.5, 3.5, 7.5, 15.5, 25.5, 35.5}, nil},
		{"a large result", []step{promised}, []step{size, done}, []float64{0}, nil, []float64{0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, map[string][]step{submitPath: slices.Clone(tt.submit), pollPath: slices.Clone(tt.poll)})
				got, err := sample(t.Context(), s.sampler(t, nil))
				if err != nil {
					t.Fatal(err)
				}
				s.allDone()
				if got.Promise.SampleSequenceIDs[0] != "r:0:0" || got.Response.Sequences[0].Tokens[0] != 7 {
					t.Errorf("got %+v", got)
				}
				if diff := cmp.Diff(tt.seq, seqIDs(s)); diff != "" {
					t.Errorf("numbers, want (-), got (+):\n%s", diff)
				}
				if at := seconds(s.times(submitPath)); tt.submits != nil && !slices.Equal(at, tt.submits) {
					t.Errorf("submitted at %v, want %v", at, tt.submits)
				}
				if at := seconds(s.times(pollPath)); tt.asks != nil && !slices.Equal(at, tt.asks) {
					t.Errorf("polled at %v, want %v", at, tt.asks)
				}
			})
		})
	}
}

func TestSamplingFails(t *testing.T) {
	size := step{status: 200, body: `{"status":"complete_metadata","response_payload_size":1}`}
	whole := result(t)
	truncated := whole
	truncated.body = truncated.body[:len(truncated.body)-1]
	for _, tt := range []struct {
		name         string
		submit, poll step
		status       int
		want         string
	}{
		{"refused", step{status: 400, body: `{"detail":"max_tokens must be positive"}`}, step{}, 400, "max_tokens must be positive"},
		{"unknown session", step{status: 404, body: `{"detail":"unknown"}`}, step{}, 404, "unknown"},
		{"another body", step{status: 422, body: `{"detail":"differs"}`}, step{}, 422, "differs"},
		{"wrong key", step{status: 401}, step{}, 401, "401"},
		{"no promise", step{status: 200, body: `{}`}, step{}, 200, "no request_id"},
		{"failed", promised, step{status: 200, body: `{"error":"boom","category":"server"}`}, 200, "request failed (server): boom"},
		{"forgotten", promised, step{status: 404, body: `{"detail":"who?"}`}, 404, "who?"},
		{"malformed", promised, step{status: 400, body: `{"detail":"huh"}`, times: 3}, 400, "huh"},
		{"truncated", promised, truncated, 200, "not a protobuf message"},
		{"JSON", promised, step{status: 200, body: `{"sequences":[]}`}, 200, "JSON where protobuf"},
		{"neither", promised, step{status: 200, body: `<html>`}, 200, "body"},
		{"size twice", promised, step{status: 200, body: size.body, times: 2}, 200, "size where"},
		{"refused by a proxy for good", promised, step{status: 400, times: maxEdgeAnswers + 1}, 400, ""},
		{"unpaid too long", step{status: 402, times: 3600}, step{}, 402, "402"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				steps := map[string][]step{submitPath: {tt.submit}}
				if tt.submit.status == promised.status && tt.submit.body == promised.body {
					steps[pollPath] = []step{tt.poll}
				}
				s := newScript(t, steps)
				if tt.name == "unpaid too long" { // a 402 every second for an hour, and the one that is too much
					s.steps[submitPath] = append(s.steps[submitPath], step{status: 402})
				}
				_, err := sample(t.Context(), s.sampler(t, nil))
				s.allDone()
				e, ok := errors.AsType[*Error](err)
				if !ok || e.Status != tt.status || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("got %v, want status %d and %q", err, tt.status, tt.want)
				}
				if wantID := ""; tt.submit.body == promised.body {
					wantID = "r:0"
					if e.RequestID != wantID {
						t.Errorf("request %q, want %q", e.RequestID, wantID)
					}
				}
			})
		})
	}
}

func TestFailuresCarryTheirCategory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{submitPath: {promised}, pollPath: {{status: 200, body: `{"error":"too long","category":"user"}`}}})
		_, err := sample(t.Context(), s.sampler(t, nil))
		if e, ok := errors.AsType[*FailedError](err); !ok || *e != (FailedError{"too long", wire.CategoryUser}) {
			t.Error(err)
		}
	})
}

func TestALargePromptIsHeldBackLonger(t *testing.T) {
	for bytes, want := range map[int64]float64{131072: 1, 131073: 5} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(t, map[string][]step{submitPath: {{status: 429}, promised}, pollPath: {result(t)}})
			call := SampleCall{Request: &wire.SampleRequest{}, PromptBytes: bytes}
			if _, err := s.sampler(t, nil).Sample(t.Context(), call); err != nil {
				t.Fatal(err)
			}
			if at := seconds(s.times(submitPath)); !slices.Equal(at, []float64{0, want}) {
				t.Errorf("%d bytes were submitted at %v", bytes, at)
			}
		})
	}
}

// Shortly after a push-back a prompt counts as twenty times as large.
func TestAfterAPushBackFewerBytesAreSubmittedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(999, 0)
		fits := func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			release, err := g.admit(ctx, 100)
			if err == nil {
				release()
			}
			return err == nil
		}
		g.pushedBack(1)
		release, err := g.admit(t.Context(), 50)
		if err != nil {
			t.Fatal(err)
		}
		if fits() {
			t.Error("50 bytes left room, though they count as 1000 now")
		}
		release()
		time.Sleep(shortPushBack + throttledFor)
		if release, err = g.admit(t.Context(), 50); err != nil {
			t.Fatal(err)
		}
		if !fits() {
			t.Error("50 bytes left no room long after the push-back")
		}
		release()
	})
}

// However long the server pushes back, trouble that comes then has five minutes
// of its own.
func TestPushBackDoesNotUseUpThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{submitPath: {{status: 429, times: 600}, {status: 503}, promised}, pollPath: {result(t)}})
		if _, err := sample(t.Context(), s.sampler(t, func(cfg *SamplerConfig) { cfg.Retry.NoRetry = true })); err != nil {
			t.Error(err)
		}
		s.allDone()
	})
}

// Results come at once while the gate is not exceeded, and the others later.
func TestRoomForLargeResultsIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		size := step{status: 200, body: `{"status":"complete_metadata","response_payload_size":60}`, times: 3, hold: time.Second}
		whole := result(t)
		whole.times, whole.hold = 3, time.Second
		s := newScript(t, map[string][]step{submitPath: {{status: 200, body: promised.body, times: 3}}, pollPath: {size, whole}})
		sampler := s.sampler(t, func(cfg *SamplerConfig) { cfg.Gate = NewGate(0, 100) })
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := sample(ctx, sampler); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if at := seconds(s.times(pollPath)); !slices.Equal(at, []float64{0, 0, 0, 1, 1, 2}) {
			t.Errorf("polls at %v", at)
		}
	})
}

// An error names the request that it is about, and not one before it.
func TestARetryForgetsTheLostRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{
			submitPath: {promised, {status: 400, body: `{"detail":"no"}`}}, pollPath: {{status: 410}},
		})
		_, err := sample(t.Context(), s.sampler(t, nil))
		if e, ok := errors.AsType[*Error](err); !ok || e.Status != 400 || e.RequestID != "" {
			t.Errorf("%+v", err)
		}
	})
}

// One push-back holds every sampler of the session, and what follows trickles.
func TestPushBackIsSharedByTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := step{status: 200, body: promised.body, hold: time.Second, times: 100}
		s := newScript(t, map[string][]step{
			submitPath: {{status: 429}, slow},
			pollPath:   {{status: 200, body: result(t).body, header: result(t).header, times: 100}},
		})
		gate := NewGate(0, 0)
		shared := func(cfg *SamplerConfig) { cfg.Gate = gate }
		first, second := s.sampler(t, shared), s.sampler(t, shared)
		var calls sync.WaitGroup
		calls.Go(func() { sample(t.Context(), first) })
		synctest.Wait()
		for range 30 {
			calls.Go(func() { sample(t.Context(), second) })
		}
		calls.Wait()
		perSecond := map[int]int{}
		for _, at := range s.times(submitPath)[1:] {
			perSecond[int(at/time.Second)]++
		}
		if perSecond[0] != 0 {
			t.Errorf("%d submissions while pushed back", perSecond[0])
		}
		for second, n := range perSecond {
			if n > throttledCount+1 { // and the one that was pushed back
				t.Errorf("%d submissions in second %d", n, second)
			}
		}
	})
}

func TestSubmissionsAtOnceAreLimitedAndWaitingIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = dispatchCount + 50
		s := newScript(t, map[string][]step{
			submitPath: {{status: 200, body: promised.body, hold: time.Second, times: calls}},
			pollPath:   {{status: 200, body: result(t).body, header: result(t).header, hold: 30 * time.Second, times: calls}},
		})
		sampler := s.sampler(t, nil)
		var wg sync.WaitGroup
		for range calls {
			wg.Go(func() {
				if _, err := sample(t.Context(), sampler); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		at := s.times(submitPath)
		if at[dispatchCount-1] != 0 || at[dispatchCount] != time.Second || at[calls-1] != time.Second {
			t.Errorf("submission %d at %v, %d at %v", dispatchCount, at[dispatchCount-1], dispatchCount+1, at[dispatchCount])
		}
		ids := seqIDs(s)
		slices.Sort(ids)
		for i, id := range ids {
			if id != float64(i) {
				t.Fatalf("number %v where %d was expected", id, i)
			}
		}
	})
}

func TestAPromptLargerThanTheGateStillPasses(t *testing.T) {
	g := NewGate(100, 0)
	release, err := g.admit(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.admit(ctx, 1); err == nil {
		t.Error("a second prompt was admitted beside it")
	}
	release()
	if release, err = g.admit(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	release()
}

// Whoever leaves can find out what to cancel, even if the server's promise never
// came.
func TestAnAbandonedRequestHasAName(t *testing.T) {
	noConnection := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for name, tt := range map[string]struct {
		submit, poll []step
		want         []string // what is abandoned
	}{
		"while polling":         {[]step{promised}, []step{pending}, []string{"r:0"}},
		"while submitting":      {[]step{{hold: time.Hour}, promised}, nil, []string{"r:0"}},
		"after a lost answer":   {[]step{{hold: 9900 * time.Millisecond}, promised}, nil, []string{"r:0"}},
		"after a proxy's error": {[]step{{hold: 9900 * time.Millisecond, status: 504}, promised}, nil, []string{"r:0"}},
		"if it never arrived":   {[]step{{hold: time.Hour}, {status: 429}}, nil, []string{""}},
		"without a connection":  {[]step{{err: noConnection, times: 1000}}, nil, nil},
		"while pushed back":     {[]step{{status: 429, times: 1000}}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reason := errors.New("user left")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(reason) })
				var abandoned []string
				s := newScript(t, map[string][]step{submitPath: tt.submit, pollPath: tt.poll})
				_, err := sample(ctx, s.sampler(t, func(cfg *SamplerConfig) {
					cfg.Abandoned = func(name func(context.Context) (string, error)) {
						id, err := name(t.Context())
						if err != nil {
							t.Error(err)
						}
						abandoned = append(abandoned, id)
					}
				}))
				if took := time.Since(s.start); !errors.Is(err, reason) || took != 10*time.Second {
					t.Errorf("%v after %v", err, took)
				}
				if !slices.Equal(abandoned, tt.want) {
					t.Errorf("abandoned %q, want %q", abandoned, tt.want)
				}
				if ids := seqIDs(s); slices.Max(ids) != 0 {
					t.Errorf("numbers %v, want the same one", ids)
				}
			})
		})
	}
}

// The network says DeadlineExceeded, too, when a connection takes too long.
func TestTimeoutsAreRetryableUnlikeTheEndOfTheContext(t *testing.T) {
	dial := &url.Error{Op: "Post", Err: &net.OpError{Op: "dial", Err: context.DeadlineExceeded}}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{&Error{Err: dial}, true},
		{&Error{Err: &timeoutError{after: time.Minute}}, true},
		{&Error{Err: context.DeadlineExceeded}, false},
		{&Error{Err: context.Canceled}, false},
		{&Error{Status: 410, Err: ErrResultLost}, true},
		{&Error{Err: fmt.Errorf("%w in 2h", ErrStuck)}, false},
		{errors.New("not ours"), false},
		{nil, false},
	} {
		if got := Retryable(tt.err); got != tt.want {
			t.Errorf("Retryable(%v) = %v", tt.err, got)
		}
	}
}

func TestNoProgressEndsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{
			submitPath: {{status: 200, body: promised.body, times: 3}},
			pollPath:   {{status: 200, body: result(t).body, header: result(t).header, hold: 20 * time.Second}, {status: 408, hold: 30 * time.Second, times: 1000}},
		})
		sampler := s.sampler(t, func(cfg *SamplerConfig) { cfg.Retry.ProgressTimeout = 100 * time.Second })
		var wg sync.WaitGroup
		wg.Go(func() { sample(t.Context(), sampler) }) // succeeds after 20 s: progress
		synctest.Wait()
		for i := range 2 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Second) // to start a call is no progress
				_, err := sample(t.Context(), sampler)
				if took := time.Since(s.start); !errors.Is(err, ErrStuck) || took != 120*time.Second {
					t.Errorf("%v after %v", err, took)
				}
			})
		}
		wg.Wait()
	})
}

func TestWithoutRetriesTheFirstFailureCounts(t *testing.T) {
	for name, change := range map[string]func(*SamplerConfig, *SampleCall){
		"NoRetry": func(cfg *SamplerConfig, _ *SampleCall) { cfg.Retry.NoRetry = true },
		"Direct":  func(_ *SamplerConfig, call *SampleCall) { call.Direct = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t, map[string][]step{submitPath: {promised}, pollPath: {{status: 410}}})
				call := SampleCall{Request: &wire.SampleRequest{}}
				_, err := s.sampler(t, func(cfg *SamplerConfig) { change(cfg, &call) }).Sample(t.Context(), call)
				if !errors.Is(err, ErrResultLost) {
					t.Error(err)
				}
			})
		})
	}
}

// A server that is in trouble for longer than one schedule is asked for the same
// request again: it may have taken it.
func TestARetryKeepsTheNumberUntilAResultIsPromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{
			submitPath: {{status: 503, times: 15}, promised, promised}, pollPath: {{status: 410}, result(t)},
		})
		if _, err := sample(t.Context(), s.sampler(t, nil)); err != nil {
			t.Fatal(err)
		}
		s.allDone()
		want := append(make([]float64, 16), 1) // 0 all along; 1 for the result that was lost
		if got := seqIDs(s); !slices.Equal(got, want) {
			t.Errorf("numbers %v, want %v", got, want)
		}
		if last := s.times(submitPath)[15]; last != 5*time.Minute+500*time.Millisecond {
			t.Errorf("the schedule began anew at %v", last)
		}
	})
}

// Whoever's context ends learns what the call waited for, and why.
func TestTheEndOfTheContextSaysWhatWasAwaited(t *testing.T) {
	paused := step{status: 408, body: `{"type":"try_again","queue_state":"paused_capacity","queue_state_reason":"no GPU"}`, hold: 30 * time.Second, times: 100}
	for want, steps := range map[string][2][]step{
		"the result (the server says paused_capacity: no GPU)": {{promised}, {paused}},
		"the result":                            {{promised}, {{hold: time.Hour, times: 100}}},
		"the result (connection reset by peer)": {{promised}, {{times: 100}}},
		"the server to accept the request (status 503: maintenance)":           {{{status: 503, body: `{"detail":"maintenance"}`, times: 100}}, nil},
		"the end of the server's push-back (status 429: busy)":                 {{{status: 429, body: `{"detail":"busy"}`, times: 100}}, nil},
		"the next try (SamplingClient.Sample: /api/v1/retrieve_future: status": {{{status: 200, body: promised.body, times: 100}}, {{status: 410, times: 100}}},
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 59200*time.Millisecond)
				defer cancel()
				s := newScript(t, map[string][]step{submitPath: steps[0], pollPath: steps[1]})
				_, err := sample(ctx, s.sampler(t, nil))
				e, ok := errors.AsType[*Error](err)
				if !ok || !strings.HasPrefix(e.Waiting, want) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to say %q", err, want)
				}
			})
		})
	}
}

func TestQueueStatesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, map[string][]step{submitPath: {promised}, pollPath: {
			{status: 408, body: `{"type":"try_again","queue_state":"paused_capacity","queue_state_reason":"GPU pool is full"}`, hold: time.Second},
			{status: 408, hold: time.Second}, result(t),
		}})
		var told []string
		_, err := sample(t.Context(), s.sampler(t, func(cfg *SamplerConfig) {
			cfg.QueueState = func(state, reason string) { told = append(told, state+":"+reason) }
		}))
		if err != nil || !slices.Equal(told, []string{"paused_capacity:GPU pool is full", "active:"}) {
			t.Errorf("%q, %v", told, err)
		}
	})
}

func TestRetryDelays(t *testing.T) {
	r := RetryConfig{BaseDelay: 500 * time.Millisecond, MaxDelay: 10 * time.Second}
	var got []float64
	for _, n := range []int{1, 2, 3, 4, 5, 6, 100} {
		got = append(got, r.delay(n).Seconds())
	}
	if want := []float64{0.5, 1, 2, 4, 8, 10, 10}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.Jitter = 0.25
	for range 100 {
		if d := r.delay(2); d < 750*time.Millisecond || d > 1250*time.Millisecond {
			t.Fatalf("%v is more than a quarter off 1s", d)
		}
	}
}

// Calls that begin while others are stuck, or after one of those made progress in
// its last moment, are watched like any others.
func TestWhatBeginsWhileOthersAreStuckIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &progress{timeout: time.Minute}
		ends := func(after time.Duration, ctx context.Context) {
			t.Helper()
			started := time.Now()
			select {
			case <-ctx.Done():
			case <-time.After(time.Hour):
			}
			if took := time.Since(started); took != after || !errors.Is(context.Cause(ctx), ErrStuck) {
				t.Errorf("ended after %v, want %v: %v", took, after, context.Cause(ctx))
			}
		}
		watch := func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(t.Context())
			p.watch(&cancel)
			return ctx, func() {
				p.forget(&cancel)
				cancel(nil)
			}
		}
		first, stopFirst := watch()
		ends(time.Minute, first)
		second, stopSecond := watch()
		ends(0, second)
		p.made()
		third, stopThird := watch()
		ends(time.Minute, third)
		stopFirst()
		stopSecond()
		stopThird()
		time.Sleep(time.Hour)
		fourth, stopFourth := watch()
		ends(time.Minute, fourth)
		stopFourth()
	})
}
