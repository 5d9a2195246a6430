package bench

import (
	"context"
	"math"
	"slices"
	"time"

	"tinsmith.example/internal/engine"
)

const (
	purePrompts = 8  // of the mix's lengths, for the prefill
	pureGroup   = 8  // samples of one prompt, for the decoding
	pureTokens  = 64 // that each of these gets
)

// Rows are what steps did.
type Rows struct {
	Prompt  int `json:"prompt"`  // rows of prompts
	Sampled int `json:"sampled"` // rows of samples, each with its logits
	Scored  int `json:"scored"`  // logits of prompts
}

// A tally adds steps up.
type tally struct {
	Rows
	took  time.Duration
	turns int // steps with rows of samples
}

func (t *tally) add(steps []engine.StepStats) {
	for _, s := range steps {
		sampled := s.Tokens - s.PromptTokens
		t.Prompt += s.PromptTokens
		t.Sampled += sampled
		t.Scored += s.Logits - sampled
		t.took += s.Duration
		if sampled > 0 {
			t.turns++
		}
	}
}

// A shape is that of the requests that finished.
type shape struct {
	cached   int     // prompt tokens that came from the cache
	tokens   int     // of samples
	contexts float64 // positions before each of these, added up
}

func (s *shape) add(q *engine.Request, r *engine.Result) {
	s.cached += r.CacheHitTokens
	n := q.NumSamples * q.MaxTokens
	s.tokens += n
	s.contexts += float64(n) * (float64(len(q.Prompt)) + float64(q.MaxTokens)/2)
}

// Pure are the rates, in rows per second, of loads of one kind: the best that a
// mix of them could have.
type Pure struct {
	Prompt  float64 `json:"prompt"`  // prefill without the output layer
	Scored  float64 `json:"scored"`  // prefill with log probabilities of every token
	Sampled float64 `json:"sampled"` // decoding, of as many samples as a step of the mix had
	Samples int     `json:"samples"` // so many
}

// seconds is how long the rows would have taken in pure loads. The output layer
// by itself takes what a scored row takes longer than one that is not.
func (p *Pure) seconds(r Rows) float64 {
	per := func(rate float64) float64 {
		if rate == 0 {
			return 0
		}
		return 1 / rate
	}
	output := max(0, per(p.Scored)-per(p.Prompt))
	return float64(r.Prompt)*per(p.Prompt) + float64(r.Sampled)*per(p.Sampled) + float64(r.Scored)*output
}

// pure measures the pure loads, so many rounds in turn; the medians count. Each
// is on the same engine with prompts that its cache does not know.
func (b *run) pure(ctx context.Context, m *mix, t *tally, s shape) (*Pure, error) {
	p := &Pure{}
	if t.turns > 0 {
		p.Samples = int(math.Round(float64(t.Sampled) / float64(t.turns)))
	}
	var prompt, scored, sampled []float64
	for range b.Rounds {
		for _, score := range []bool{false, true} {
			t, err := b.tallied(ctx, b.promptJobs(m, score), func(engine.StepStats) bool { return true })
			if err != nil {
				return nil, err
			}
			rate := float64(t.Prompt) / t.took.Seconds()
			if score {
				scored = append(scored, rate)
			} else {
				prompt = append(prompt, rate)
			}
		}
		if p.Samples == 0 || s.tokens == 0 {
			continue
		}
		rate, err := b.decoding(ctx, p.Samples, int(s.contexts/float64(s.tokens)))
		if err != nil {
			return nil, err
		}
		sampled = append(sampled, rate)
	}
	p.Prompt, p.Scored = median(prompt), median(scored)
	if len(sampled) > 0 {
		p.Sampled = median(sampled)
	}
	return p, nil
}

// promptJobs are prompts of the mix's lengths, each of the same share of them.
func (b *run) promptJobs(m *mix, score bool) []Job {
	var jobs []Job
	for i := range purePrompts {
		n := m.length((float64(i) + 0.5) / purePrompts)
		jobs = append(jobs, Job{Prompt: b.prompts.next(n), Score: score, Samples: 1, MaxTokens: 1})
	}
	return jobs
}

// decoding is the rate of so many samples, in groups as the mix has them, at so
// many positions. Their prompts go through the model before, so that all samples
// begin together.
func (b *run) decoding(ctx context.Context, samples, positions int) (float64, error) {
	var first, jobs []Job
	for samples > 0 {
		n := min(pureGroup, samples)
		samples -= n
		j := Job{
			Prompt:  b.prompts.next(max(1, min(positions, b.info.ContextLength)-pureTokens/2)),
			Samples: n, MaxTokens: min(pureTokens, b.info.ContextLength-positions), Temperature: 1,
		}
		jobs = append(jobs, j)
		j.Samples, j.MaxTokens = 1, 1
		first = append(first, j)
	}
	if _, err := runAll(ctx, ours{b.engine}, first); err != nil {
		return 0, err
	}
	t, err := b.tallied(ctx, jobs, func(s engine.StepStats) bool { return s.PromptTokens == 0 && s.Tokens > 0 })
	if err != nil || t.took == 0 {
		return 0, err
	}
	return float64(t.Sampled) / t.took.Seconds(), nil
}

// tallied runs the jobs at once and adds up those of their steps that count.
func (b *run) tallied(ctx context.Context, jobs []Job, counts func(engine.StepStats) bool) (t tally, err error) {
	b.log.take()
	_, err = runAll(ctx, ours{b.engine}, jobs)
	t.add(slices.DeleteFunc(b.log.take(), func(s engine.StepStats) bool { return !counts(s) }))
	return t, err
}
