package bench

import (
	"context"
	"time"
)

// The prompts whose prefill is timed.
const (
	shortPrompt = 512
	longPrompt  = 8000
)

// firstToken measures how long the first token of a short prompt takes.
func (b *run) firstToken(ctx context.Context) error {
	times, err := b.prefill(ctx, shortPrompt, b.Rounds)
	if err != nil || times == nil {
		return err
	}
	b.report.FirstToken = times
	b.Note("first token of %d tokens: %.1f ms", shortPrompt, times.Best)
	return nil
}

// longPrefill measures how fast a long prompt goes beside a short one: once, as
// it takes as long as all else together.
func (b *run) longPrefill(ctx context.Context) error {
	b.log.take()
	times, err := b.prefill(ctx, longPrompt, 1)
	if err != nil || times == nil {
		return err
	}
	p := &Prefill{
		ShortTokens: shortPrompt, ShortRate: 1000 * shortPrompt / b.report.FirstToken.Best,
		LongTokens: longPrompt, LongRate: 1000 * longPrompt / times.Best,
	}
	p.Share = p.LongRate / p.ShortRate
	b.long = b.log.take()
	b.report.Prefill = p
	b.Note("prefill of %d tokens: %.1f tokens/s", longPrompt, p.LongRate)
	return nil
}

// prefill is how many milliseconds a prompt of that many tokens takes to its
// first token, on the idle engine; nil if the model or its cache has no room.
func (b *run) prefill(ctx context.Context, tokens, rounds int) (*Spread, error) {
	var times []float64
	for range rounds {
		j := Job{Prompt: b.prompts.next(tokens), Samples: 1, MaxTokens: 1}
		if b.engine.Check(j.request()) != nil {
			return nil, nil
		}
		start := time.Now()
		if _, err := (ours{b.engine}).run(ctx, j); err != nil {
			return nil, err
		}
		times = append(times, milliseconds(time.Since(start)))
	}
	spread := lowest(times)
	return &spread, nil
}
