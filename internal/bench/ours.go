package bench

import (
	"context"
	"slices"
	"sync"

	"tinsmith.example/internal/engine"
)

// ours runs jobs on an engine in this process.
type ours struct{ engine *engine.Engine }

func (o ours) run(ctx context.Context, j Job) (int, error) {
	result, err := o.engine.Sample(ctx, j.request())
	if err != nil {
		return 0, err
	}
	if j.Score {
		return len(result.PromptLogprobs), nil
	}
	n := 0
	for _, q := range result.Sequences {
		n += len(q.Tokens)
	}
	return n, nil
}

// request is the job as the engine takes it. Scoring comes with one sample, as
// in the API.
func (j *Job) request() *engine.Request {
	r := &engine.Request{
		Prompt: j.Prompt, NumSamples: j.Samples, MaxTokens: j.MaxTokens, Temperature: j.Temperature, TopP: 1,
		Stop: engine.Stop{IgnoreEOS: true},
	}
	if j.Score {
		r.NumSamples, r.MaxTokens, r.PromptLogprobs = 1, 1, true
	}
	return r
}

// stepLog keeps what an engine says of its steps.
type stepLog struct {
	mu    sync.Mutex
	steps []engine.StepStats
	news  chan struct{} // holds one thing if there are steps that wait has not seen
}

func newStepLog() *stepLog { return &stepLog{news: make(chan struct{}, 1)} }

// note is a function for engine.Options.
func (l *stepLog) note(s engine.StepStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps = append(l.steps, s)
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// take returns the steps since it was last called.
func (l *stepLog) take() []engine.StepStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.steps
	l.steps = nil
	return taken
}

// wait returns the steps since take was last called, once they are as wanted.
// If ctx ends first, its cause is the error.
func (l *stepLog) wait(ctx context.Context, wanted func([]engine.StepStats) bool) ([]engine.StepStats, error) {
	for {
		select {
		case <-l.news:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		l.mu.Lock()
		steps := slices.Clone(l.steps)
		l.mu.Unlock()
		if wanted(steps) {
			return steps, nil
		}
	}
}
