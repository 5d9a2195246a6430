package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"tinsmith.example/internal/engine"
)

const (
	arrivalPrompt    = 4000 // tokens, if the context has room
	arrivalSequences = 32
	sequencePrompt   = 64   // tokens
	sequenceTokens   = 2048 // at most: more than the steps in which the prompt is prefilled
	aloneSteps       = 32   // that are timed before the prompt comes, and again after it

	// idleFactor is how much longer than on an idle engine the prompt may take,
	// besides the time of the sequences' steps.
	idleFactor = 1.5
)

// Arrival is what a long prompt costs the sequences that are being sampled when
// it comes, and what they cost it.
type Arrival struct {
	Sequences    int            `json:"sequences"`
	PromptTokens int            `json:"prompt_tokens"`
	Rounds       []ArrivalRound `json:"rounds"`
	Ratio        Spread         `json:"ratio"`       // of the rounds
	LimitShare   Spread         `json:"limit_share"` // of the rounds
}

// An ArrivalRound is one arrival. Step times are medians. The sequences grow while
// the prompt runs, and their steps with them: Growth leaves that out.
type ArrivalRound struct {
	Before     float64 `json:"step_before_ms"`
	During     float64 `json:"step_during_ms"` // of those in which a part of the prompt ran
	After      float64 `json:"step_after_ms"`
	Ratio      float64 `json:"ratio"`  // During over Before
	Growth     float64 `json:"growth"` // During over the mean of Before and After
	Steps      int     `json:"steps"`  // from the prompt's call to its first token
	FirstToken float64 `json:"first_token_ms"`
	Idle       float64 `json:"idle_ms"`     // to the first token of such a prompt with nothing else running
	Limit      float64 `json:"limit_ms"`    // 1.5 Idle, and as many steps as there were, of Before each
	LimitShare float64 `json:"limit_share"` // FirstToken over Limit
}

// arrival runs one arrival a round.
func (b *run) arrival(ctx context.Context) error {
	a := &Arrival{Sequences: arrivalSequences, PromptTokens: min(arrivalPrompt, b.info.ContextLength-1)}
	longest := min(sequenceTokens, b.info.ContextLength-sequencePrompt)
	if longest < 3*aloneSteps {
		return fmt.Errorf("a context of %d tokens is too small", b.info.ContextLength)
	}
	if need := a.PromptTokens + arrivalSequences*(sequencePrompt+longest); need > b.engine.KVTokens() {
		return fmt.Errorf("it needs a KV cache of %d tokens, and this one has %d", need, b.engine.KVTokens())
	}
	var ratios, shares []float64
	for i := range b.Rounds {
		r, err := b.arrivalRound(ctx, a.PromptTokens, longest)
		if err != nil {
			return err
		}
		b.Note("arrival, round %d of %d: steps of %.1f ms, then %.1f ms, then %.1f ms; first token after %.0f ms, idle %.0f ms",
			i+1, b.Rounds, r.Before, r.During, r.After, r.FirstToken, r.Idle)
		a.Rounds = append(a.Rounds, *r)
		ratios, shares = append(ratios, r.Ratio), append(shares, r.LimitShare)
	}
	a.Ratio, a.LimitShare = lowest(ratios), lowest(shares)
	b.report.Arrival = a
	return nil
}

var (
	errEnough = errors.New("enough was measured")
	errEnded  = errors.New("the sequences ended before the long prompt had its first token")
)

// arrivalRound times the prompt on the idle engine, then starts the sequences,
// of so many tokens at most, and ends them when it has seen enough.
func (b *run) arrivalRound(ctx context.Context, promptTokens, longest int) (*ArrivalRound, error) {
	idle, err := b.prefill(ctx, promptTokens, 1)
	if err != nil {
		return nil, err
	}
	b.log.take()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var sequences errgroup.Group
	for range arrivalSequences {
		j := Job{Prompt: b.prompts.next(sequencePrompt), Samples: 1, MaxTokens: longest, Temperature: 1}
		sequences.Go(func() error {
			_, err := ours{b.engine}.run(ctx, j)
			if errors.Is(err, errEnough) {
				return nil
			}
			if err == nil {
				err = errEnded
			}
			stop(err)
			return err
		})
	}
	r, err := b.arrive(ctx, promptTokens)
	stop(errEnough)
	if ended := sequences.Wait(); ended != nil {
		err = ended // it is why arrive failed, if it did
	}
	if err != nil {
		return nil, err
	}
	r.Idle = idle.Best
	r.Limit = idleFactor*r.Idle + float64(r.Steps)*r.Before
	r.LimitShare = r.FirstToken / r.Limit
	return r, nil
}

// arrive times steps of all sequences, and then the prompt beside them.
func (b *run) arrive(ctx context.Context, promptTokens int) (*ArrivalRound, error) {
	before, err := b.stepsAlone(ctx)
	if err != nil {
		return nil, err
	}
	prompt := Job{Prompt: b.prompts.next(promptTokens), Samples: 1, MaxTokens: 1}
	b.log.take()
	start := time.Now()
	if _, err := (ours{b.engine}).run(ctx, prompt); err != nil {
		return nil, err
	}
	took := time.Since(start)
	steps := b.log.take()
	after, err := b.stepsAlone(ctx)
	if err != nil {
		return nil, err
	}
	r := &ArrivalRound{
		Before: before, During: timesOf(prefilling(steps)).P50, After: after,
		Steps: stepsUntilPrefilled(steps), FirstToken: milliseconds(took),
	}
	r.Ratio = r.During / r.Before
	r.Growth = 2 * r.During / (r.Before + r.After)
	return r, nil
}

// stepsAlone times steps of all sequences without the prompt.
func (b *run) stepsAlone(ctx context.Context) (median float64, err error) {
	steps, err := b.log.wait(ctx, func(steps []engine.StepStats) bool { return len(sampling(steps)) > aloneSteps })
	if err != nil {
		return 0, err
	}
	return timesOf(sampling(steps)).P50, nil
}

// sampling are the times of the steps in which every sequence gets a token and
// no prompt runs.
func sampling(steps []engine.StepStats) (times []time.Duration) {
	for _, s := range steps {
		if s.PromptTokens == 0 && s.Tokens == arrivalSequences {
			times = append(times, s.Duration)
		}
	}
	return times
}

// prefilling are the times of the steps in which a part of a prompt runs.
func prefilling(steps []engine.StepStats) (times []time.Duration) {
	for _, s := range steps {
		if s.PromptTokens > 0 {
			times = append(times, s.Duration)
		}
	}
	return times
}

// stepsUntilPrefilled leaves out the steps that came after the prompt's last part, while
// its caller had not yet been told.
func stepsUntilPrefilled(steps []engine.StepStats) int {
	for i := len(steps); i > 0; i-- {
		if steps[i-1].PromptTokens > 0 {
			return i
		}
	}
	return 0
}
