package tinker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

// inBubble runs a test on virtual time. The fake and its clients must be made
// inside.
func inBubble(t *testing.T, test func(t *testing.T)) { t.Helper(); synctest.Test(t, test) }

func TestNewServiceClientSendsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		svc := f.service(t)
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(f.seen) > 0 {
			t.Errorf("%d requests", len(f.seen))
		}
	})
}

func TestASessionBeginsInOrderAndOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		svc := f.service(t, WithTags("b", "a", "b"), WithUserMetadata(map[string]string{"k": "v"}), WithProjectID("p"), WithDisplayName("d"))
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var paths []string
		for _, seen := range f.seen {
			paths = append(paths, seen.path)
		}
		if want := []string{wire.PathClientConfig, wire.PathDynamicConfig, wire.PathCreateSession}; !slices.Equal(paths[:3], want) || len(paths) != 8 {
			t.Errorf("requests %q", paths)
		}
		var numbers []float64
		for _, seen := range f.to(wire.PathCreateSamplingSession) {
			numbers = append(numbers, seen.body["sampling_session_seq_id"].(float64))
		}
		if slices.Sort(numbers); !slices.Equal(numbers, []float64{0, 1, 2, 3, 4}) {
			t.Errorf("sampling sessions %v", numbers)
		}
		const want = `{"tags":["a","b"],"user_metadata":{"k":"v"},"sdk_version":"0.38.0","project_id":"p","display_name":"d","type":"create_session"}`
		if got := string(f.to(wire.PathCreateSession)[0].raw); got != want {
			t.Errorf("create_session\n got %s\nwant %s", got, want)
		}
	})
}

func TestAFailedStartIsTriedAgainByTheNextCall(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		good := f.answer[wire.PathCreateSession]
		f.set(wire.PathCreateSession, func(seenRequest) reply { return reply{status: 400, body: `{"detail":"too old"}`} })
		svc := f.service(t)
		_, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if e, ok := errors.AsType[*APIError](err); !ok || e.Status != 400 || e.Message != "too old" {
			t.Error(err)
		}
		f.set(wire.PathCreateSession, good)
		if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
			t.Error(err)
		}
	})
}

func TestDynamicConfigMayBeMissing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		delete(f.answer, wire.PathDynamicConfig)
		f.sampling(t, SamplingClientConfig{})
	})
}

func TestHeartbeats(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.sampling(t, SamplingClientConfig{})
		time.Sleep(35 * time.Second)
		synctest.Wait()
		var at []time.Duration
		for _, seen := range f.to(wire.PathSessionHeartbeat) {
			at = append(at, seen.at)
			if string(seen.raw) != `{"session_id":"S","type":"session_heartbeat"}` {
				t.Errorf("body %s", seen.raw)
			}
		}
		if !slices.Equal(at, []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}) {
			t.Errorf("heartbeats at %v", at)
		}
	})
}

func TestHeartbeatsEndWhenTheSessionIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set(wire.PathSessionHeartbeat, func(seenRequest) reply { return reply{status: 410, body: `{"detail":"finished"}`} })
		svc := f.service(t)
		if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
			t.Fatal(err)
		}
		if err := svc.SessionErr(); err != nil {
			t.Errorf("a session that has just begun: %v", err)
		}
		time.Sleep(time.Hour)
		if n := len(f.to(wire.PathSessionHeartbeat)); n != 1 {
			t.Errorf("%d heartbeats", n)
		}
		if err := svc.SessionErr(); err != ErrSessionEnded {
			t.Errorf("SessionErr: %v", err)
		}
		if err := svc.Close(t.Context()); err != nil || len(f.to(wire.FinishSessionPath("S"))) > 0 {
			t.Errorf("Close: %v, after %d words to a server that had ended the session", err, len(f.to(wire.FinishSessionPath("S"))))
		}
	})
}

func TestUnansweredHeartbeatsAreNotedOnceAfterTwoMinutes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set(wire.PathSessionHeartbeat, func(r seenRequest) reply {
			if r.at > 150*time.Second && r.at < 200*time.Second {
				return reply{status: 200, body: `{}`}
			}
			return reply{status: 500, body: `{"detail":"down"}`}
		})
		var log bytes.Buffer
		svc := f.service(t, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
			t.Fatal(err)
		}
		for at, want := range []time.Duration{115, 145, 185, 330, 1000} { // in trouble at 120 s and, again, at 310 s
			time.Sleep(time.Until(f.start.Add(want * time.Second)))
			err := svc.SessionErr()
			if silent := at == 1 || at > 2; (err != nil) != silent {
				t.Errorf("after %d s: %v", want, err)
			}
			if e, ok := errors.AsType[*APIError](err); err != nil && (!ok || e.Status != 500) {
				t.Errorf("after %d s: %v", want, err)
			}
		}
		if err := svc.Close(t.Context()); err != nil { // and with it the writer of the log
			t.Error(err)
		}
		if n, again := strings.Count(log.String(), "no heartbeat"), strings.Count(log.String(), "answered again"); n != 2 || again != 1 {
			t.Errorf("%d and %d times: %s", n, again, &log)
		}
	})
}

// TestUnknownSessionIsNotedAtOnce: to a server that was restarted, which need not
// be for good where there are several.
func TestUnknownSessionIsNotedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set(wire.PathSessionHeartbeat, func(r seenRequest) reply {
			if r.at > 35*time.Second {
				return reply{status: 200, body: `{}`}
			}
			return reply{status: 404, body: `{"detail":"unknown session"}`}
		})
		var log bytes.Buffer
		svc := f.service(t, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(f.start.Add(15 * time.Second)))
		if e, ok := errors.AsType[*APIError](svc.SessionErr()); !ok || e.Status != 404 {
			t.Errorf("after a heartbeat that was not understood: %v", svc.SessionErr())
		}
		time.Sleep(time.Until(f.start.Add(45 * time.Second)))
		if err := svc.SessionErr(); err != nil {
			t.Errorf("once heartbeats are answered: %v", err)
		}
		if err := svc.Close(t.Context()); err != nil { // and with it the writer of the log
			t.Error(err)
		}
		if n, again := strings.Count(log.String(), "does not know the session"), strings.Count(log.String(), "answered again"); n != 1 || again != 1 {
			t.Errorf("%d and %d times: %s", n, again, &log)
		}
	})
}

// Calls that fail because the server does not know their session any more say so,
// and what to do. The server is asked about that once for all of them.
func TestCallsSayThatTheSessionIsGone(t *testing.T) {
	for _, tt := range []struct {
		name               string
		call, heartbeat    int // statuses
		wantGone, wantOver bool
	}{
		{"restarted", 404, 404, true, false}, {"ended", 404, 410, true, true}, {"forbidden", 403, 404, true, false},
		{"something else is unknown", 404, 200, false, false}, {"no answer about it", 404, 500, false, false},
		{"malformed", 400, 404, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFake(t)
				client := f.sampling(t, SamplingClientConfig{})
				f.set(wire.PathSample, func(seenRequest) reply { return reply{status: tt.call, body: `{"detail":"no"}`} })
				f.set(wire.PathSessionHeartbeat, func(seenRequest) reply { return reply{status: tt.heartbeat, body: `{}`} })
				var futures []*Future[*SampleResponse]
				for range 5 {
					futures = append(futures, client.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}))
				}
				for _, future := range futures {
					_, err := future.Await(t.Context())
					if errors.Is(err, ErrSessionGone) != tt.wantGone || errors.Is(err, ErrSessionEnded) != tt.wantOver {
						t.Errorf("got %v", err)
					}
					if e, ok := errors.AsType[*APIError](err); !ok || e.Status != tt.call || strings.Contains(err.Error(), "make a new ServiceClient") != tt.wantGone {
						t.Errorf("got %v", err)
					}
				}
				if n := len(f.to(wire.PathSessionHeartbeat)); n > 1 {
					t.Errorf("asked %d times", n)
				}
				if err := client.session.pulse.err(); errors.Is(err, ErrSessionGone) != tt.wantGone {
					t.Errorf("SessionErr: %v", err)
				}
			})
		})
	}
}

// A server that does not know how to finish a session may know the session.
func TestCloseSaysThatTheSessionIsGone(t *testing.T) {
	for _, tt := range []struct {
		heartbeat          int // status
		wantGone, wantOver bool
	}{{404, true, false}, {410, true, true}, {200, false, false}, {500, false, false}, {0, false, false}} {
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			svc := f.service(t)
			if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
				t.Fatal(err)
			}
			delete(f.answer, wire.FinishSessionPath("S"))
			f.set(wire.PathSessionHeartbeat, func(seenRequest) reply { return reply{status: tt.heartbeat, body: `{}`} })
			err := svc.Close(t.Context())
			if e, ok := errors.AsType[*APIError](err); !ok || e.Status != 404 {
				t.Errorf("a heartbeat's status is %d: got %v", tt.heartbeat, err)
			}
			if errors.Is(err, ErrSessionGone) != tt.wantGone || errors.Is(err, ErrSessionEnded) != tt.wantOver {
				t.Errorf("a heartbeat's status is %d: got %v", tt.heartbeat, err)
			}
		})
	}
}

func TestDynamicConfigIsRefreshed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathDynamicConfig, `{"refresh_interval_sec": 1}`) // ten seconds is the least
		f.sampling(t, SamplingClientConfig{})
		time.Sleep(25 * time.Second)
		if n := len(f.to(wire.PathDynamicConfig)); n != 3 {
			t.Errorf("asked %d times", n)
		}
	})
}

// A call may begin after Close has ended what is under way, and before it lets no
// more begin.
func TestACallThatBeginsAsTheSessionEnds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set(wire.PathSample, func(seenRequest) reply { return reply{status: 500, hold: 30 * time.Second} })
		svc := f.service(t)
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		svc.end(ErrClosed)
		synctest.Wait()
		started := time.Now()
		r := &SampleRequest{Prompt: FromTokens([]int32{1})}
		if _, err := client.Sample(t.Context(), r); err != ErrClosed || time.Since(started) > 0 {
			t.Errorf("Sample: %v after %v", err, time.Since(started))
		}
		if _, err := client.SampleAsync(t.Context(), r).Await(t.Context()); err != ErrClosed || time.Since(started) > 0 {
			t.Errorf("SampleAsync: %v after %v", err, time.Since(started))
		}
	})
}

func TestCloseEndsEverythingOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 408, hold: 30 * time.Second} })
		svc := f.service(t)
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		future := client.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		synctest.Wait()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := svc.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := future.Await(t.Context()); err != ErrClosed {
			t.Errorf("the running call: %v", err)
		}
		finished := f.to(wire.FinishSessionPath("S"))
		if len(finished) != 1 || string(finished[0].raw) != `{"reason":{"type":"success"},"detail":null}` {
			t.Errorf("finished %d times: %+v", len(finished), finished)
		}
		for name, call := range map[string]func() error{
			"Sample": func() error {
				_, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
				return err
			},
			"SampleAsync": func() error {
				_, err := client.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}).Await(t.Context())
				return err
			},
			"ComputeLogprobs": func() error { _, err := client.ComputeLogprobs(t.Context(), FromTokens([]int32{1})); return err },
			"Tokenizer":       func() error { _, err := client.Tokenizer(t.Context()); return err },
			"Capabilities":    func() error { _, err := svc.Capabilities(t.Context()); return err },
			"CreateSamplingClient": func() error {
				_, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
				return err
			},
		} {
			if err := call(); err != ErrClosed {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
		sent := len(f.seen)
		time.Sleep(time.Hour)
		if len(f.seen) != sent {
			t.Errorf("%d requests after Close", len(f.seen)-sent)
		}
	})
}

// An observer is the caller's code: after Close it does not run any more.
func TestCloseWaitsForRunningCalls(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set(wire.PathRetrieveFuture, func(seenRequest) reply {
			return reply{status: 408, body: `{"type":"try_again","queue_state":"paused_capacity"}`}
		})
		svc := f.service(t)
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m", OnQueueState: func(QueueState, string) { time.Sleep(time.Minute) }})
		if err != nil {
			t.Fatal(err)
		}
		future := client.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		synctest.Wait()
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		select {
		case <-future.Done():
		default:
			t.Error("the call was still running after Close")
		}
	})
}

func TestCloseDoesNotWaitForADeadServer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		svc := f.service(t)
		f.set(wire.PathCreateSession, func(seenRequest) reply { return reply{hold: time.Hour} })
		started := make(chan error, 1)
		go func() {
			_, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
			started <- err
		}()
		synctest.Wait()
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-started; err != ErrClosed {
			t.Error(err)
		}
		if took := time.Since(f.start); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

func TestCloseEndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.set(wire.FinishSessionPath("S"), func(seenRequest) reply { return reply{hold: time.Hour} })
		svc := f.service(t)
		if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := svc.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(f.start); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestFinishSaysHowItWent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		svc := f.service(t)
		if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
			t.Fatal(err)
		}
		if e, ok := errors.AsType[*ArgumentError](svc.Finish(t.Context(), "done", "")); !ok || e.Field != "reason" {
			t.Error(e)
		}
		if err := errors.Join(svc.Finish(t.Context(), FinishErrored, "out of luck"), svc.Close(t.Context())); err != nil {
			t.Error(err)
		}
		if got := f.to(wire.FinishSessionPath("S")); len(got) != 1 || string(got[0].raw) != `{"reason":{"type":"errored"},"detail":"out of luck"}` {
			t.Errorf("finished with %+v", got)
		}
	})
}

func TestCapabilities(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathServerCapabilities, `{"supported_models":[{"model_name":"a","max_context_length":8192,"sampleable":true},{}]}`)
		got, err := f.service(t).Capabilities(t.Context())
		want := []Model{{Name: "a", MaxContextLength: 8192, Sampleable: true}, {}}
		if err != nil || !slices.Equal(got.Models, want) {
			t.Errorf("%+v, %v", got, err)
		}
		if n := len(f.to(wire.PathCreateSession)); n != 0 {
			t.Error("it began a session")
		}
	})
}
