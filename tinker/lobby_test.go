package tinker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

// Calls begin in their order, so many at once; each begins once, those that are
// canceled at once; and nothing is left over.
func TestALobbyLetsAllInInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 5 * lobbyCalls
		var l lobby
		var mu sync.Mutex
		var order []int
		var atOnce, most atomic.Int64
		begun := make([]atomic.Int64, calls)
		canceled := func(i int) bool { return i%7 == 6 }
		for i := range calls {
			ctx, cancel := context.WithCancel(t.Context())
			l.run(ctx, func() {
				defer cancel()
				begun[i].Add(1)
				if ctx.Err() == nil {
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
					for n := atOnce.Add(1); n > most.Load(); {
						most.Store(n)
					}
					time.Sleep(time.Duration(1+rand.IntN(50)) * time.Millisecond) // on its way to a promise
					atOnce.Add(-1)
				} else if now := time.Now(); now.Nanosecond() != 0 {
					t.Errorf("call %d, which was canceled at the start, begins at %v", i, now)
				}
				l.leave()
				time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // and to its result
			})
			if canceled(i) {
				cancel()
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		for i := range begun {
			if n := begun[i].Load(); n != 1 {
				t.Errorf("call %d began %d times", i, n)
			}
		}
		if l.inside != 0 || l.waiting != nil || l.idle != nil {
			t.Errorf("left over: %d inside, %d waiting, %d goroutines", l.inside, len(l.waiting), len(l.idle))
		}
		if most.Load() > lobbyCalls {
			t.Errorf("%d at once", most.Load())
		}
		for i, n := range order { // goroutines that begin at the same time may overtake each other
			if n-i > calls/7+2*lobbyCalls {
				t.Errorf("call %d was number %d to begin", n, i)
			}
		}
		slices.Sort(order)
		if !slices.Equal(order, slices.Compact(slices.Clone(order))) {
			t.Error("some began twice")
		}
	})
}

// A closed server takes no sample, and holds what it is asked for.
type closedServer struct{ asked atomic.Int64 }

func (s *closedServer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == wire.PathSample {
		s.asked.Add(1)
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	body := `{"session_id":"S","sampling_session_id":"S:0"}`
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {wire.MediaJSON}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// Thousands of calls that the server does not take are no thousands of goroutines.
// Each can be canceled, and says what it waited for; all end with the client.
func TestCallsThatWaitInTheLobby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &closedServer{}
		svc, err := NewServiceClient(WithBaseURL("https://tinker.test"), WithAPIKey(testKey), WithLogger(slog.New(slog.DiscardHandler)),
			WithHTTPClient(&http.Client{Transport: server}))
		if err != nil {
			t.Fatal(err)
		}
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		const calls = 10 * lobbyCalls
		before := runtime.NumGoroutine()
		futures := make([]*Future[Logprobs], calls)
		for i := range futures {
			futures[i] = client.ComputeLogprobsAsync(t.Context(), FromTokens([]int32{1, 2}))
		}
		synctest.Wait()
		if more := runtime.NumGoroutine() - before; more > 3*lobbyCalls {
			t.Errorf("%d goroutines for %d calls", more, calls)
		}
		for _, i := range []int{0, calls / 2, calls - 1} {
			futures[i].Cancel()
			started := time.Now()
			_, err := futures[i].Await(t.Context())
			if failed, ok := errors.AsType[*APIError](err); !ok || !errors.Is(err, context.Canceled) || failed.Waiting == "" || time.Since(started) > 0 {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for i, f := range futures {
			if _, err := f.Await(t.Context()); err == nil || i != 0 && i != calls/2 && i != calls-1 && !errors.Is(err, ErrClosed) {
				t.Fatalf("call %d: %v", i, err)
			}
		}
		if late := client.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1}), Params: SamplingParams{MaxTokens: 1}}); late != nil {
			if _, err := late.Await(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("after the end: %v", err)
			}
		}
	})
}
