package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// TestProgress: of a request that runs, of one that waits for memory, and of one
// that is done.
func TestProgress(t *testing.T) {
	e, err := Open(testmodel.Tiny(t, tinymodel.Options{ContextLength: 1 << 16}), Options{Threads: 1, KVTokens: 40_000})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, stop := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	ask := func() *Request { // it takes more than half of the cache
		return &Request{Prompt: []int32{5, 6, 7}, NumSamples: 1, MaxTokens: 30_000, Temperature: 1, TopP: 1, Stop: Stop{IgnoreEOS: true}}
	}
	first, second := ask(), ask()
	ended := make(chan error, 2)
	start := func(r *Request) { _, err := e.Sample(ctx, r); ended <- err }
	until := func(r *Request, holds func(Progress) bool) {
		t.Helper()
		for {
			if p, ok := e.Progress(t.Context(), r); ok && holds(p) {
				return
			}
			select {
			case err := <-ended:
				t.Fatalf("a request has ended: %v", err)
			case <-time.After(time.Millisecond):
			}
		}
	}
	go start(first)
	until(first, func(p Progress) bool {
		s := p.Standing
		return s.In && s.Prompt == 3 && s.Sampled > 2 && s.Sampled+s.Steps == 30_000 && p.Left > 0 && p.TokensPerSecond > 0
	})
	go start(second)
	until(second, func(p Progress) bool {
		if s := p.Standing; s.In || s.Before != 0 || s.Waiting != 1 || s.Running != 1 || s.Tokens < 4 || p.Left <= 0 {
			t.Errorf("the one that waits: %+v", p)
		}
		return true
	})
	stop(stopped)
	for range 2 {
		if err := <-ended; !errors.Is(err, stopped) {
			t.Errorf("it ended with %v before it was stopped", err)
		}
	}
	if p, ok := e.Progress(t.Context(), first); ok {
		t.Errorf("of a request that has ended: %+v", p)
	}
	if len(e.running) != 0 {
		t.Errorf("%d requests are remembered", len(e.running))
	}
}

// TestPaceForgets: after a while only the latest steps count.
func TestPaceForgets(t *testing.T) {
	var p pace
	if p.tokensPerSecond() != 0 || p.of(100, 100) != 0 {
		t.Error("an estimate of nothing")
	}
	for range 100 {
		p.add(10, time.Second)
	}
	if got := p.tokensPerSecond(); got < 9.99 || got > 10.01 {
		t.Errorf("%v tokens/s, want 10", got)
	}
	if got := p.of(20, 3).Seconds(); got < 4.99 || got > 5.01 {
		t.Errorf("20 tokens and 3 steps: %v s, want 5", got)
	}
	for range 1000 {
		p.add(10, 100*time.Millisecond)
	}
	if got := p.tokensPerSecond(); got < 99 || got > 101 {
		t.Errorf("%v tokens/s, want 100", got)
	}
}
