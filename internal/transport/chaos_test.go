package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

// chaosSeed is a new one each time, or TINSMITH_CHAOS_SEED, to have a run again.
func chaosSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("TINSMITH_CHAOS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TINSMITH_CHAOS_SEED=%d", seed)
	return seed
}

// However the server and the network misbehave, every call gets its own result or
// its own error, no request is sampled twice, and what is sent again comes when
// the contract says.
func TestEveryCallSurvivesChaos(t *testing.T) {
	calls := 10_000
	if testing.Short() {
		calls = 500
	}
	for name, watched := range map[string]bool{"polling for each": false, "polling for the session": true} {
		t.Run(name, func(t *testing.T) {
			seed := chaosSeed(t)
			synctest.Test(t, func(t *testing.T) {
				server, network := newChaos(seed), newPipeListener()
				http := &http.Server{Handler: server, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
				go http.Serve(network)
				defer http.Close()
				client := chaosClient(t, "http://localhost", func(c *Client) {
					c.owned.DialContext = network.DialContext
					c.burst = nil // so that times are exact
				})
				runChaos(t, server, client, watched, calls)
				if err := http.Shutdown(t.Context()); err != nil { // what was cut off may still be noted
					t.Error(err)
				}
				server.checkSubmissions(t)
				server.checkPolls(t)
				server.checkWatch(t)
			})
		})
	}
}

// The same over sockets, in real time: without what takes long, and without a
// look at the schedules.
func TestEveryCallSurvivesChaosOnSockets(t *testing.T) {
	calls := 1000
	if testing.Short() {
		calls = 100
	}
	for name, watched := range map[string]bool{"polling for each": false, "polling for the session": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newChaos(chaosSeed(t))
			server.percent, server.patience, server.work, server.slowly = 6, 100*time.Millisecond, 200*time.Millisecond, false
			network := httptest.NewUnstartedServer(server)
			network.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			network.Start()
			defer network.Close()
			runChaos(t, server, chaosClient(t, network.URL, func(*Client) {}), watched, calls)
		})
	}
}

func chaosClient(t *testing.T, url string, change func(*Client)) *Client {
	c, err := New(Config{
		BaseURL: url, APIKey: "tml-test", UserAgent: "test",
		BillingPause: 1000 * time.Hour, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	change(c)
	return c
}

func runChaos(t *testing.T, server *chaos, client *Client, watched bool, calls int) {
	cfg := SamplerConfig{
		SamplingSessionID: "S:sample:0", Gate: NewGate(0, 0),
		Retry: RetryConfig{MaxConcurrent: 2000, ProgressTimeout: 2 * time.Hour,
			BaseDelay: 500 * time.Millisecond, MaxDelay: 10 * time.Second, Retryable: Retryable},
	}
	session := newBackground(t)
	if watched {
		cfg.Background = session.start
		cfg.Retry.MaxConcurrent = 1 << 60
	}
	sampler := client.NewSampler(cfg)
	started := time.Now()
	var wg sync.WaitGroup
	for call := range calls {
		wg.Go(func() {
			got, err := sampler.Sample(context.WithoutCancel(t.Context()), SampleCall{Op: "Sample", PromptBytes: 20,
				Request: &wire.SampleRequest{Prompt: wire.ModelInput{Chunks: []wire.Chunk{wire.TextChunk([]int32{int32(call), 1})}}}})
			if err := server.verdict(call).check(call, got, err); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	session.close()
	client.Close()
	server.mu.Lock()
	defer server.mu.Unlock()
	requests := 0
	for _, list := range server.events {
		requests += len(list)
	}
	t.Logf("%d calls, %d requests, %v", calls, requests, time.Since(started))
	if len(server.wrong) > 0 {
		t.Errorf("%d times the client did what it must not, such as: %s", len(server.wrong), server.wrong[0])
	}
	accepted, lost := server.numbers()
	for call := range calls {
		want := 1 + lost[call]
		if server.verdict(call).submit != 0 {
			want = 0
		}
		if accepted[call] != want {
			t.Errorf("call %d was accepted under %d numbers, of which %d were lost", call, accepted[call], lost[call])
		}
	}
	if !watched {
		return
	}
	for _, j := range server.jobs {
		if final := server.verdict(j.call).poll != 0; !server.arrived[j.id()] && !j.lost && !final {
			t.Errorf("that %s has arrived was never reported", j.id())
		}
	}
}

// check compares how a call ended with how it was to end.
func (v verdict) check(call int, got *Sampled, err error) error {
	status := v.submit + v.poll
	switch {
	case status != 0:
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Status != status || e.Message != "verdict" || (e.RequestID != "") != (v.poll != 0) || e.Attempts == 0 {
			return fmt.Errorf("call %d: got %v, want status %d", call, err, status)
		}
	case v.failed != "":
		failed, ok := errors.AsType[*FailedError](err)
		if !ok || failed.Category != v.failed {
			return fmt.Errorf("call %d: got %v, want a failure (%s)", call, err, v.failed)
		}
	case err != nil:
		return fmt.Errorf("call %d: %w", call, err)
	case !slices.Equal(got.Response.Sequences[0].Tokens, resultOf(call)):
		return fmt.Errorf("call %d got %v", call, got.Response.Sequences[0].Tokens)
	case got.Promise.SampleSequenceIDs[0] != got.Promise.RequestID+":0":
		return fmt.Errorf("call %d got sequence %q of request %q", call, got.Promise.SampleSequenceIDs, got.Promise.RequestID)
	}
	return nil
}

// checkSubmissions holds the times at which a request was submitted again against
// the contract: after 1, 2, 4 ... 30 s, and not while pushed back.
func (s *chaos) checkSubmissions(t *testing.T) {
	for about, events := range s.events {
		if !strings.HasPrefix(about, "submit ") {
			continue
		}
		failures := 0
		for i, e := range events[:len(events)-1] {
			wait := time.Duration(0)
			switch e.outcome {
			case "push":
				failures = 0
			case "silent":
				failures++
				wait = doubling(time.Second, failures, 30*time.Second)
			default:
				t.Errorf("%s came again after it was %s", about, e.outcome)
			}
			if got, earliest, latest := events[i+1].came, e.left.Add(wait), s.afterPushes(e.left.Add(wait)); got.Before(earliest) || got.After(latest) {
				t.Errorf("%s: try %d came %v after the last, want %v to %v", about, i+2, got.Sub(e.left), wait, latest.Sub(e.left))
			}
		}
	}
	for _, push := range s.pushes {
		for about, events := range s.events {
			for _, e := range events {
				if since := e.came.Sub(push); strings.HasPrefix(about, "submit ") && since > 0 && since < shortPushBack {
					t.Fatalf("%s came %v after a push-back", about, since)
				}
			}
		}
	}
}

// afterPushes is when the push-backs that hold at a time, and those that come
// until then, have ended.
func (s *chaos) afterPushes(at time.Time) time.Time {
	for _, push := range s.pushes { // in order
		if end := push.Add(shortPushBack); !push.After(at) && end.After(at) {
			at = end
		}
	}
	return at
}

// checkPolls does the same for the polls for a result.
func (s *chaos) checkPolls(t *testing.T) {
	for about, events := range s.events {
		if !strings.HasPrefix(about, "poll ") {
			continue
		}
		var hasty, faulty, silent int
		for i, e := range events[:len(events)-1] {
			wait := time.Duration(0)
			if e.outcome != "silent" {
				silent = 0
			}
			switch e.outcome {
			case "held":
				hasty, faulty = 0, 0
			case "hasty":
				hasty, faulty = hasty+1, 0
				wait = doubling(20*time.Millisecond, hasty, time.Second)
			case "faulty":
				faulty++
				wait = doubling(250*time.Millisecond, faulty, 10*time.Second)
			case "silent":
				silent++
				wait = doubling(time.Second, silent, 30*time.Second)
			case "bill":
				wait = 5 * time.Second
			case "size":
			default:
				t.Errorf("%s came again after it was %s", about, e.outcome)
			}
			if got := events[i+1].came.Sub(e.left); got != wait {
				t.Errorf("%s: poll %d came %v after the last, which was %s, want %v", about, i+2, got, e.outcome, wait)
			}
		}
	}
}

// checkWatch does so for the polls for the session. While nobody waits, a report
// may take another second.
func (s *chaos) checkWatch(t *testing.T) {
	events := s.events["watch"]
	for i := range max(len(events)-1, 0) {
		e, got := events[i], events[i+1].came.Sub(events[i].left)
		wait := time.Duration(0)
		switch e.outcome {
		case "silent", "faulty":
			wait = watchWait
		case "bill":
			wait = billingWait
		}
		if last := i == len(events)-2; got < wait && !last || wait > 0 && got > wait+reportWait {
			t.Errorf("poll %d for the session came %v after the last, which was %s", i+2, got, e.outcome)
		}
	}
}
