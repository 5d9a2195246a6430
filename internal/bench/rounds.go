package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tinsmith.example/internal/engine"
)

// loads runs every load, each round on the engine and then on the peers, so
// that a machine which slows down does so for all of them.
func (b *run) loads(ctx context.Context) error {
	if err := b.warmUp(ctx); err != nil {
		return err
	}
	for _, p := range b.Peers {
		b.report.Peers = append(b.report.Peers, PeerResult{Kind: p.Kind, URL: p.URL, Loads: []PeerLoad{}})
	}
	for i := range b.Loads {
		if err := b.load(ctx, &b.Loads[i]); err != nil {
			return fmt.Errorf("load %s: %w", b.Loads[i].Name, err)
		}
	}
	_, b.report.Memory.Peak = resident()
	return nil
}

func (b *run) warmUp(ctx context.Context) error {
	jobs := warmUp(b.prompts)
	if _, err := runAll(ctx, ours{b.engine}, jobs); err != nil {
		return err
	}
	for _, p := range b.Peers {
		if _, err := runAll(ctx, p, jobs); err != nil {
			return err
		}
	}
	return nil
}

// load runs the rounds of one load.
func (b *run) load(ctx context.Context, l *Load) error {
	var rates []float64
	var best []engine.StepStats
	var durations []time.Duration
	theirs := make([][]float64, len(b.Peers))
	for round := range b.Rounds {
		jobs := l.make(b.prompts) // the same for all
		b.log.take()
		rate, err := timed(ctx, ours{b.engine}, jobs)
		if err != nil {
			return err
		}
		steps := b.log.take()
		for _, s := range steps {
			durations = append(durations, s.Duration)
		}
		if len(rates) == 0 || rate > slices.Max(rates) {
			best = steps
		}
		rates = append(rates, rate)
		b.Note("%s, round %d of %d: %.1f tokens/s", l.Name, round+1, b.Rounds, rate)
		for i, p := range b.Peers {
			if !p.can(l) {
				continue
			}
			rate, err := timed(ctx, p, jobs)
			if err != nil {
				return err
			}
			theirs[i] = append(theirs[i], rate)
			b.Note("%s, round %d of %d, %s: %.1f tokens/s", l.Name, round+1, b.Rounds, p.Kind, rate)
		}
	}
	result := LoadResult{Name: l.Name, Tokens: l.Tokens, Rate: highest(rates), Steps: timesOf(durations)}
	b.best = append(b.best, best)
	b.report.Loads = append(b.report.Loads, result)
	for i, t := range theirs {
		if len(t) > 0 {
			b.report.Peers[i].Loads = append(b.report.Peers[i].Loads, peerLoad(&result, highest(t)))
		}
	}
	return nil
}

func peerLoad(ours *LoadResult, theirs Spread) PeerLoad {
	return PeerLoad{ours.Name, theirs, Spread{ours.Rate.Best / theirs.Best, ours.Rate.Median / theirs.Median}}
}

// timed is how many tokens per second r makes of the jobs.
func timed(ctx context.Context, r runner, jobs []Job) (float64, error) {
	start := time.Now()
	tokens, err := runAll(ctx, r, jobs)
	if err != nil {
		return 0, err
	}
	if tokens == 0 {
		return 0, errors.New("no tokens came")
	}
	return float64(tokens) / time.Since(start).Seconds(), nil
}
