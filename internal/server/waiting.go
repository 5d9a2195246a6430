package server

import (
	"context"
	"fmt"
	"time"

	"tinsmith.example/internal/engine"
)

// A Reporter is a Backend that knows how far its samples are. Without it clients
// that wait are told that they do, and no more. *engine.Engine is one.
type Reporter interface {
	// Progress says how far the sample is that Sample was called with r for;
	// false if it is not running. When ctx ends it should return soon.
	Progress(ctx context.Context, r *engine.Request) (engine.Progress, bool)
}

// progressTime is how long a client that has waited for its result in vain waits
// for news of it: a backend may be within a long step.
const progressTime = time.Second

// waitingFor says what a sample that is not done waits for: its position in the
// queue, which is 0 once it runs, and how long it may take.
func (g *registry) waitingFor(ctx context.Context, f *future) string {
	g.mu.Lock()
	request, backend := f.job.request, f.sampler.model.Backend
	g.mu.Unlock()
	const unknown = "the sample is running or waiting for its turn"
	reporter, ok := backend.(Reporter)
	if !ok || request == nil {
		return unknown
	}
	ctx, cancel := context.WithTimeout(ctx, progressTime)
	defer cancel()
	if p, ok := reporter.Progress(ctx, request); ok {
		return describe(&p, len(request.Prompt))
	}
	return unknown
}

// describe is p of a request with a prompt of so many tokens, for people.
func describe(p *engine.Progress, prompt int) string {
	var where string
	switch s := &p.Standing; {
	case !s.In:
		where = fmt.Sprintf("position %d of %d in the queue for memory of the KV cache, behind %d that run", s.Before+1, s.Waiting, s.Running)
	case s.Sampled == 0:
		where = fmt.Sprintf("position 0: running beside %d others, %d of %d prompt tokens done", s.Running-1, s.Prompt, prompt)
	default:
		where = fmt.Sprintf("position 0: running beside %d others, %d tokens sampled", s.Running-1, s.Sampled)
	}
	if p.Left == 0 {
		return where
	}
	return fmt.Sprintf("%s; about %v more at most, at the %.0f tokens/s of the last seconds", where, roughly(p.Left), p.TokensPerSecond)
}

// roughly rounds an estimate to what it can claim.
func roughly(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return max(d.Round(100*time.Millisecond), 100*time.Millisecond)
	}
	return d.Round(time.Second)
}
