package telemetry

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A sink is a server that takes telemetry.
type sink struct {
	t      *testing.T
	start  time.Time
	mu     sync.Mutex
	status int // of its answers
	hold   time.Duration
	got    []batch
}

type batch struct {
	at time.Duration
	wire.TelemetryRequest
}

func (s *sink) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	b := batch{at: time.Since(s.start)}
	if err := wire.Decode(body, &b.TelemetryRequest); err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	s.got = append(s.got, b)
	status, hold := s.status, s.hold
	s.mu.Unlock()
	select {
	case <-time.After(hold):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {wire.MediaJSON}},
		Body: io.NopCloser(strings.NewReader(`{"status":"accepted"}`)), Request: r,
	}, nil
}

func (s *sink) answer(status int, hold time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.hold = status, hold
}

func (s *sink) batches() []batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// reporting runs a test with a reporter that runs until stop is called.
func reporting(t *testing.T, test func(t *testing.T, r *Reporter, s *sink, log *bytes.Buffer, stop func())) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{t: t, start: time.Now(), status: http.StatusOK}
		var log bytes.Buffer
		client, err := transport.New(transport.Config{
			BaseURL: "https://tinker.test", APIKey: "tml-test", UserAgent: "test",
			HTTP: &http.Client{Transport: s}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		r := New(client, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx, "S") })
		stop := func() {
			cancel()
			running.Wait()
		}
		defer stop()
		test(t, r, s, &log, stop)
	})
}

func TestEventsAreSentEveryTenSeconds(t *testing.T) {
	reporting(t, func(t *testing.T, r *Reporter, s *sink, _ *bytes.Buffer, _ func()) {
		time.Sleep(time.Second)
		r.Add(start())
		r.Add(Generic(Warning, "named", map[string]any{"n": 1}))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		got := s.batches()
		if len(got) != 1 || got[0].at != flushEvery || got[0].SessionID != "S" || got[0].ProcessUUID == "" {
			t.Fatalf("batches %+v", got)
		}
		events := got[0].Events
		if len(events) != 2 || events[0].Event != "SESSION_START" || events[0].EventSessionIndex != 0 ||
			events[1].Event != "GENERIC_EVENT" || events[1].EventSessionIndex != 1 || string(events[1].EventData) != `{"n":1}` {
			t.Errorf("events %+v", events)
		}
		if !strings.HasSuffix(events[0].Timestamp, "T00:00:01.000000Z") || events[0].EventID == events[1].EventID {
			t.Errorf("timestamp %q, ids %q and %q", events[0].Timestamp, events[0].EventID, events[1].EventID)
		}
	})
}

func TestAnExceptionIsSentAtOnceWithAllBeforeIt(t *testing.T) {
	reporting(t, func(t *testing.T, r *Reporter, s *sink, _ *bytes.Buffer, _ func()) {
		for range maxBatch {
			r.Add(start())
		}
		r.Add(Exception("Kind", "message"))
		synctest.Wait()
		got := s.batches()
		if len(got) != 2 || len(got[0].Events) != maxBatch || len(got[1].Events) != 1 || got[1].Events[0].Severity != "ERROR" {
			t.Errorf("%d batches", len(got))
		}
	})
}

// Servers see the end of a session behind each failure, in the same batch. It says
// how long the session has lasted.
func TestAFailureHasTheSessionsEndWithIt(t *testing.T) {
	reporting(t, func(t *testing.T, r *Reporter, s *sink, _ *bytes.Buffer, _ func()) {
		time.Sleep(time.Minute + time.Second) // no batch is due soon
		r.Begin()
		time.Sleep(8 * time.Second)
		r.Fail(Exception("Kind", "message"))
		synctest.Wait()
		got := s.batches()
		if len(got) != 1 || len(got[0].Events) != 3 || got[0].at != 69*time.Second {
			t.Fatalf("batches %+v", got)
		}
		last := got[0].Events[2]
		if last.Event != "SESSION_END" || last.Duration != "0:00:08.000000" || last.EventSessionIndex != 2 {
			t.Errorf("last %+v", last)
		}
	})
}

func TestAFullQueueDropsWhatComesAndSaysSoOnce(t *testing.T) {
	reporting(t, func(t *testing.T, r *Reporter, s *sink, log *bytes.Buffer, _ func()) {
		for range maxQueued + 5 {
			r.Add(start())
		}
		time.Sleep(flushEvery)
		synctest.Wait()
		n := 0
		for _, b := range s.batches() {
			n += len(b.Events)
		}
		if n != maxQueued {
			t.Errorf("%d events arrived", n)
		}
		if strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("log:\n%s", log)
		}
	})
}

func TestABatchIsTriedAgainAndThenDropped(t *testing.T) {
	reporting(t, func(t *testing.T, r *Reporter, s *sink, log *bytes.Buffer, _ func()) {
		s.answer(http.StatusInternalServerError, 0)
		r.Add(start())
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(s.batches()); n != 11 {
			t.Errorf("sent %d times", n)
		}
		if strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("log:\n%s", log)
		}
		s.answer(http.StatusOK, 0)
		r.End()
		time.Sleep(flushEvery)
		synctest.Wait()
		got := s.batches()
		if last := got[len(got)-1].Events; len(last) != 1 || last[0].Event != "SESSION_END" {
			t.Errorf("after it: %+v", last)
		}
	})
}

func TestAServerWithoutTelemetryIsLeftAlone(t *testing.T) {
	reporting(t, func(t *testing.T, r *Reporter, s *sink, log *bytes.Buffer, _ func()) {
		s.answer(http.StatusNotFound, 0)
		for range 3 {
			r.Add(start())
			time.Sleep(flushEvery + time.Second)
		}
		synctest.Wait()
		if n := len(s.batches()); n != 1 || log.Len() > 0 {
			t.Errorf("sent %d times; log:\n%s", n, log)
		}
	})
}

// What was under way when the session ended is sent again: its ids tell the
// server that it is the same.
func TestDrainSendsWhatIsLeft(t *testing.T) {
	reporting(t, func(t *testing.T, r *Reporter, s *sink, _ *bytes.Buffer, stop func()) {
		s.answer(http.StatusOK, time.Second)
		for range maxBatch {
			r.Add(start())
		}
		r.Add(Exception("Kind", "message"))
		synctest.Wait()
		stop()
		r.Drain(t.Context(), "S")
		got := s.batches()
		if len(got) != 3 || got[0].Events[0].EventID != got[1].Events[0].EventID || len(got[2].Events) != 1 {
			t.Errorf("%d batches", len(got))
		}
	})
}

func TestDrainGivesUpWithASilentServer(t *testing.T) {
	reporting(t, func(t *testing.T, r *Reporter, s *sink, _ *bytes.Buffer, stop func()) {
		stop()
		s.answer(http.StatusOK, time.Hour)
		for range 3 * maxBatch {
			r.Add(start())
		}
		before := time.Now()
		r.Drain(t.Context(), "S")
		if took := time.Since(before); took != sendTimeout {
			t.Errorf("took %v", took)
		}
	})
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		3105484 * time.Microsecond:                                      "0:00:03.105484",
		26*time.Hour + 3*time.Minute + 59*time.Second + time.Nanosecond: "26:03:59.000000",
		-time.Second: "0:00:00.000000",
	} {
		if got := clock(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
