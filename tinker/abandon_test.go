package tinker

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

// Close cancels what is under way, for the sake of sessions that it does not end,
// and is not kept waiting by a server that is gone.
func TestCloseCancelsWhatIsUnderWay(t *testing.T) {
	const calls = 100 // more than are canceled at once
	for _, tt := range []struct {
		name    string
		own     bool // the calls are of a client of the service's own session
		copied  bool // they are of a copy, or some of them
		dynamic string
		cancel  reply
		want    int // cancellations
		took    time.Duration
	}{
		{"of a session of its own", true, false, `{"sample_cancel_enabled":true}`, reply{status: 200, body: `{}`}, calls, 0},
		{"of a session that a copy has joined", false, true, `{"sample_cancel_enabled":true}`, reply{status: 200, body: `{}`}, calls, 0},
		{"though some are over", false, true, `{"sample_cancel_enabled":true}`, reply{status: 404, body: `{"detail":"over"}`}, calls, 0},
		{"unless the server does not want to know", false, true, `{}`, reply{status: 200, body: `{}`}, 0, 0},
		{"unless the server is silent", false, true, `{"sample_cancel_enabled":true,"sample_cancel_max_batch_size":3}`, reply{hold: time.Hour}, 3, closeCancelLimit},
		{"of several sessions", true, true, `{"sample_cancel_enabled":true}`, reply{status: 200, body: `{}`}, calls, 0},
		{"of several sessions, unless the server is silent", true, true, `{"sample_cancel_enabled":true,"sample_cancel_max_batch_size":3}`, reply{hold: time.Hour}, 6, closeCancelLimit},
		{"unless the server is gone", false, true, `{"sample_cancel_enabled":true,"sample_cancel_max_batch_size":1}`, reply{}, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFake(t)
				f.on(wire.PathDynamicConfig, tt.dynamic)
				f.on(wire.PathTelemetry, `{"status":"accepted"}`)
				f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 408, hold: 30 * time.Second} })
				f.set(wire.PathCancelFuture, func(seenRequest) reply { return tt.cancel })
				svc := f.service(t)
				var clients []*SamplingClient
				if tt.own {
					client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
					if err != nil {
						t.Fatal(err)
					}
					clients = append(clients, client)
				}
				if tt.copied {
					clients = append(clients, copyOf(t, f.sampling(t, SamplingClientConfig{}), svc))
				}
				var futures []*Future[*SampleResponse]
				for i := range calls {
					futures = append(futures, clients[i%len(clients)].SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}))
				}
				time.Sleep(time.Second)
				before := time.Now()
				if err := svc.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if took := time.Since(before); took != tt.took {
					t.Errorf("Close took %v, want %v", took, tt.took)
				}
				for _, future := range futures {
					if _, err := future.Await(t.Context()); err != ErrClosed {
						t.Errorf("a call that was under way: %v", err)
					}
				}
				var got, want []string
				for _, seen := range f.to(wire.PathCancelFuture) {
					got = append(got, fmt.Sprint(seen.body["request_id"]))
				}
				for _, seen := range f.to(wire.PathSample) {
					want = append(want, fmt.Sprintf("r%v", seen.body["seq_id"]))
				}
				slices.Sort(got)
				slices.Sort(want)
				if len(got) != tt.want || tt.want == calls && !slices.Equal(got, want) {
					t.Errorf("%d requests were canceled, want %d", len(got), tt.want)
				}
				if finished := len(f.to(wire.FinishSessionPath("S"))); (finished > 0) != tt.own {
					t.Errorf("the session was finished %d times", finished)
				}
				synctest.Wait()
			})
		})
	}
}

// What Close could not cancel is for those who look for it: by its name, and
// unless it was over anyway.
func TestCloseSaysWhatItCouldNotCancel(t *testing.T) {
	for _, tt := range []struct {
		status, said int
	}{{200, 0}, {404, 0}, {401, 3}, {500, 3}} {
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			f.on(wire.PathTelemetry, `{"status":"accepted"}`)
			f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 408, hold: 30 * time.Second} })
			f.set(wire.PathCancelFuture, func(seenRequest) reply { return reply{status: tt.status, body: `{"detail":"no"}`} })
			var log bytes.Buffer
			svc := f.service(t, WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				client.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
			}
			time.Sleep(time.Second)
			if err := svc.Close(t.Context()); err != nil {
				t.Error(err)
			}
			said := 0
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "level=DEBUG") && strings.Contains(line, "could not be canceled") && strings.Contains(line, "request=r") {
					said++
				}
			}
			if said != tt.said || len(f.to(wire.PathCancelFuture)) != 3 {
				t.Errorf("status %d: said of %d requests, want %d\n%s", tt.status, said, tt.said, &log)
			}
		})
	}
}
