package tinker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

// Where the server offers it, one poll waits for all results of a client, Close
// reports what arrived before it finishes the session, and calls that are left
// are canceled on the server.
func TestOnePollWaitsForAllResults(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathClientConfig, `{"sample_use_retrieve_futures":true,"sample_max_concurrent_requests":1}`)
		f.set(wire.PathRetrieveFutures, func(r seenRequest) reply {
			switch {
			case r.body["timeout"] != nil || r.body["prev_cursor"].(float64) > 0:
				return reply{status: 200, body: `{"completions":[],"cursor":10}`, hold: time.Millisecond}
			}
			var done []string
			for i := range 10 {
				done = append(done, fmt.Sprintf(`{"state":"finished","request_id":"r%d","response_payload_uncompressed_size":10}`, i))
			}
			return reply{status: 200, body: `{"cursor":10,"completions":[` + strings.Join(done, ",") + `]}`, hold: 5 * time.Second}
		})
		svc := f.service(t)
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		var futures []*Future[*SampleResponse]
		for range 11 { // of which the last has no result
			futures = append(futures, client.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}))
		}
		time.Sleep(4 * time.Second)
		if polls, one := len(f.to(wire.PathRetrieveFuture)), len(f.to(wire.PathRetrieveFutures)); polls != 0 || one != 1 {
			t.Errorf("%d polls of single results and %d of the session's", polls, one)
		}
		time.Sleep(2 * time.Second)
		waiting := 0
		for _, future := range futures {
			select {
			case <-future.Done():
				if _, err := future.Await(t.Context()); err != nil {
					t.Error(err)
				}
			default:
				waiting++
				future.Cancel()
			}
		}
		synctest.Wait()
		fetched := f.to(wire.PathRetrieveFuture)
		if waiting != 1 || len(fetched) != 10 || fetched[0].body["allow_metadata_only"] != false {
			t.Errorf("%d calls wait, %d results were fetched", waiting, len(fetched))
		}
		if n := len(f.to(wire.PathCancelFuture)); n != 1 {
			t.Errorf("%d requests were canceled", n)
		}
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		last, reported := f.seen[len(f.seen)-1], 0
		for _, r := range f.to(wire.PathRetrieveFutures) {
			reported += len(r.body["retrieved_request_ids"].([]any))
		}
		if reported != 10 || last.path != wire.FinishSessionPath("S") {
			t.Errorf("%d results were reported before %s", reported, last.path)
		}
	})
}

// A call that ends with its context says what it waited for.
func TestErrorsSayWhatWasAwaited(t *testing.T) {
	for want, change := range map[string]func(*fake){
		"the result (the server says paused_capacity: no GPU)": func(f *fake) {
			f.set(wire.PathRetrieveFuture, func(seenRequest) reply {
				return reply{status: http.StatusRequestTimeout, hold: 20 * time.Second,
					body: `{"type":"try_again","queue_state":"paused_capacity","queue_state_reason":"no GPU"}`}
			})
		},
		"the server to accept the request (status 503: upgrading)": func(f *fake) {
			f.set(wire.PathSample, func(seenRequest) reply {
				return reply{status: http.StatusServiceUnavailable, body: `{"detail":"upgrading"}`}
			})
		},
	} {
		t.Run(want, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFake(t)
				change(f)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := f.sampling(t, SamplingClientConfig{}).Sample(ctx, &SampleRequest{Prompt: FromTokens([]int32{1})})
				e, ok := errors.AsType[*APIError](err)
				if !ok || e.Waiting != want || !errors.Is(err, context.DeadlineExceeded) || e.Elapsed != time.Minute || e.Attempts < 3 {
					t.Fatalf("got %+v", err)
				}
				if !strings.Contains(e.Error(), "while waiting for "+want+": context deadline exceeded") {
					t.Error(e)
				}
			})
		})
	}
}
