package bench

import (
	"context"
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
}

// note is a function for engine.Options.
func (l *stepLog) note(s engine.StepStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps = append(l.steps, s)
}

// take returns the steps since it was last called.
func (l *stepLog) take() []engine.StepStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.steps
	l.steps = nil
	return taken
}
