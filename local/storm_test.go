package local

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tinsmith.example/internal/server"
	"tinsmith.example/tinker"
)

// cutting dials connections a third of which, of those after begun, break at a
// random time, whatever they carry.
func cutting(r *rand.Rand, begun *atomic.Bool) *http.Client {
	var mu sync.Mutex
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		breaks, after := r.IntN(3) == 0, time.Duration(r.ExpFloat64()*float64(100*time.Millisecond))
		mu.Unlock()
		if breaks && begun.Load() {
			_ = c.(*net.TCPConn).SetLinger(0) // a reset
			time.AfterFunc(after, func() { _ = c.Close() })
		}
		return c, nil
	}}}
}

// TestStorm: many samples of several clients, over connections that break, some
// given up at random times. None is lost, none is sampled twice, each has the bits
// that it has alone, and nothing is left in the server once the clients have gone;
// TestMain sees to the goroutines. compat/storm.py is the same with the official
// client, and larger.
func TestStorm(t *testing.T) {
	const clients, perClient = 4, 50
	s, err := Start(t.Context(), Options{TinyModel: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	ask := func(i int) *tinker.SampleRequest {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		prompt := make([]int32, 1+r.IntN(40))
		for k := range prompt {
			prompt[k] = r.Int32N(200)
		}
		return &tinker.SampleRequest{
			Prompt: tinker.FromTokens(prompt), NumSamples: 1 + r.IntN(3), PromptLogprobs: r.IntN(3) == 0,
			Params: tinker.SamplingParams{MaxTokens: 1 + r.IntN(60), Seed: new(int64(i)), Stop: tinker.NoStop()},
		}
	}
	results := make([]*tinker.SampleResponse, clients*perClient)
	givenUp := errors.New("given up")
	var wg sync.WaitGroup
	for k := range clients {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(8, uint64(k)))
			var begun atomic.Bool // not before there is a session: the API cannot know a request for one again
			web := cutting(r, &begun)
			defer web.CloseIdleConnections()
			service, err := tinker.NewServiceClient(tinker.WithBaseURL(s.URL()), tinker.WithAPIKey(s.Key()), tinker.WithHTTPClient(web),
				tinker.WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				t.Error(err)
				return
			}
			c, err := service.CreateSamplingClient(t.Context(), tinker.SamplingClientConfig{BaseModel: s.BaseModel()})
			if err != nil {
				t.Error(err)
				return
			}
			begun.Store(true)
			var calls sync.WaitGroup
			for i := k * perClient; i < (k+1)*perClient; i++ {
				ctx, giveUp := context.WithCancelCause(t.Context())
				if i%5 == 0 {
					time.AfterFunc(time.Duration(i%7)*20*time.Millisecond, func() { giveUp(givenUp) })
				}
				calls.Go(func() {
					defer giveUp(nil)
					result, err := c.Sample(ctx, ask(i))
					if err != nil && !errors.Is(err, givenUp) {
						t.Errorf("sample %d is lost: %v", i, err)
					}
					results[i] = result
				})
			}
			calls.Wait()
			if err := service.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()

	counts := s.server.Counts()
	for end := time.Now().Add(10 * time.Second); counts.Samples > 0 && time.Now().Before(end); counts = s.server.Counts() {
		time.Sleep(10 * time.Millisecond) // for those that were given up, which end with their next step
	}
	if left := (server.Counts{Started: counts.Started, Repeated: counts.Repeated}); counts != left {
		t.Errorf("left over: %+v", counts)
	}
	if counts.Started > clients*perClient {
		t.Errorf("%d samples were started, for %d calls", counts.Started, clients*perClient)
	}
	c, err := s.Client().CreateSamplingClient(t.Context(), tinker.SamplingClientConfig{BaseModel: s.BaseModel()})
	if err != nil {
		t.Fatal(err)
	}
	ids, done := map[string]bool{}, 0
	for i, got := range results {
		if got == nil {
			continue
		}
		done++
		want, err := c.Sample(t.Context(), ask(i))
		if err != nil {
			t.Fatal(err)
		}
		for k := range got.Sequences {
			a, b := got.Sequences[k], want.Sequences[k]
			if ids[a.ID] || !reflect.DeepEqual(a.Tokens, b.Tokens) || !reflect.DeepEqual(a.Logprobs, b.Logprobs) {
				t.Errorf("sample %d, sequence %d: has other bits than alone, or an id that another one has: %+v, want %+v", i, k, a, b)
			}
			ids[a.ID] = true
		}
	}
	t.Logf("%d results, %d samples started, %d requests for one again", done, counts.Started, counts.Repeated)
}
