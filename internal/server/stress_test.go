package server

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// TestManyClientsAtOnce: sessions that sample, fetch, cancel and end in any
// order leave the books balanced. Run it with -race.
func TestManyClientsAtOnce(t *testing.T) {
	s, c := serve(t, &fakeBackend{sample: func(ctx context.Context, r *engine.Request) (*engine.Result, error) {
		select {
		case <-time.After(time.Duration(r.Prompt[0]) * 10 * time.Microsecond):
			return fakeResult(r), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}}, Limits{ResultBytes: 50 * keptBytes, ResultTime: 5 * time.Millisecond, PollTime: 20 * time.Millisecond})
	var wg sync.WaitGroup
	for client := range 12 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(client)))
			session := c.session()
			id := c.sampler(session, 0)
			for step := range 60 {
				seq := r.Int64N(20) // often one that is there already
				switch r.IntN(8) {
				default:
					if status, body := c.post(wire.PathSample, sampleOf(id, seq)); status != 200 && status != 429 {
						t.Errorf("asample: %d %s", status, body)
					}
				case 0, 1, 2:
					if status, body := c.retrieve(requestID(id, seq)); status != 200 && status != 408 && status != 410 {
						t.Errorf("retrieve: %d %s", status, body)
					}
				case 3:
					c.post(wire.PathCancelFuture, wire.CancelFutureRequest{RequestID: requestID(id, seq)})
				case 4:
					if step%20 == 0 {
						c.post("/api/v1/sessions/"+session+"/finish", `{}`)
						session = c.session()
						id = c.sampler(session, 0)
					}
				}
			}
			c.post("/api/v1/sessions/"+session+"/finish", `{}`)
		})
	}
	wg.Wait()
	s.registry.runs.Wait()
	g := s.registry
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.work != (usage{}) || g.kept != 0 || g.waiting != 0 || len(g.accounts) != 0 || len(g.sessions) != 0 || len(g.samplers) != 0 {
		t.Errorf("left over: in work %+v, %d bytes of results, %d accounts, %d sessions, %d samplers",
			g.work, g.kept, len(g.accounts), len(g.sessions), len(g.samplers))
	}
}
