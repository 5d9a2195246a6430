package bench

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tinsmith.example/internal/engine"
)

const (
	sharedPrompt = 2000 // tokens, if the context has room
	suffixTokens = 8    // of a prompt after what it shares
	prefixGroups = 16
	groupSamples = 4
)

// Prefix is what requests cost whose prompts begin like an earlier one.
type Prefix struct {
	SharedTokens int          `json:"shared_tokens"`
	PromptTokens int          `json:"prompt_tokens"` // the shared ones included
	Costs        []PrefixCost `json:"costs"`
}

// A PrefixCost is of one kind of request. Times are the medians of the rounds.
type PrefixCost struct {
	Name      string  `json:"name"`     // "sample", "score" or "groups"
	Requests  int     `json:"requests"` // that came at once: 1, or 16 groups
	First     float64 `json:"first_ms"` // of one request with a new prompt
	Second    float64 `json:"second_ms"`
	Ratio     Spread  `json:"ratio"`      // Second over First
	Extra     Spread  `json:"extra"`      // what each request with a known beginning adds, over First
	HitTokens int     `json:"hit_tokens"` // the fewest that one of these had from the cache
}

// prefix measures the three kinds, the rounds of each in turn.
func (b *run) prefix(ctx context.Context) error {
	shared := min(sharedPrompt, b.info.ContextLength-suffixTokens-1)
	p := &Prefix{SharedTokens: shared, PromptTokens: shared + suffixTokens}
	score := func(r *engine.Request) { r.PromptLogprobs, r.PromptLogprobsLastN = true, suffixTokens }
	group := func(r *engine.Request) { r.NumSamples = groupSamples }
	for _, k := range []prefixKind{
		{name: "sample", requests: 1, change: func(*engine.Request) {}},
		{name: "score", requests: 1, change: score},
		{name: "groups", requests: prefixGroups, change: group},
	} {
		c, err := b.prefixCost(ctx, &k, p)
		if err != nil {
			return err
		}
		b.Note("prefix, %s: %.1f ms, then %.1f ms for %d with %d tokens from the cache",
			c.Name, c.First, c.Second, c.Requests, c.HitTokens)
		p.Costs = append(p.Costs, *c)
	}
	b.report.Prefix = p
	return nil
}

// A prefixKind is a kind of request. Of one alone the prompt's beginning is that
// of the request before; several at once have one new prompt, which the first of
// them computes.
type prefixKind struct {
	name     string
	requests int
	change   func(*engine.Request)
}

func (k *prefixKind) request(prompt []int32) *engine.Request {
	j := Job{Prompt: prompt, Samples: 1, MaxTokens: 1, Temperature: 1}
	r := j.request()
	k.change(r)
	return r
}

func (b *run) prefixCost(ctx context.Context, k *prefixKind, p *Prefix) (*PrefixCost, error) {
	c := &PrefixCost{Name: k.name, Requests: k.requests, HitTokens: p.PromptTokens}
	var firsts, seconds, ratios, extras []float64
	for range b.Rounds {
		prompt := b.prompts.next(p.PromptTokens)
		first, _, err := b.together(ctx, k.request(prompt), 1)
		if err != nil {
			return nil, err
		}
		again := slices.Concat(prompt[:p.SharedTokens], b.prompts.next(suffixTokens))
		if k.requests > 1 {
			again = b.prompts.next(p.PromptTokens)
		}
		second, hits, err := b.together(ctx, k.request(again), k.requests)
		if err != nil {
			return nil, err
		}
		ratio, extra := second/first, second/first
		if k.requests > 1 {
			slices.Sort(hits)
			hits = hits[1:] // one computed the prompt
			extra = (ratio - 1) / float64(k.requests-1)
		}
		c.HitTokens = min(c.HitTokens, slices.Min(hits))
		firsts, seconds = append(firsts, first), append(seconds, second)
		ratios, extras = append(ratios, ratio), append(extras, extra)
	}
	c.First, c.Second, c.Ratio, c.Extra = median(firsts), median(seconds), lowest(ratios), lowest(extras)
	return c, nil
}

// together makes the same request n times at once: how many milliseconds that
// took, and how many prompt tokens of each came from the cache.
func (b *run) together(ctx context.Context, r *engine.Request, n int) (took float64, hits []int, err error) {
	hits = make([]int, n)
	start := time.Now()
	all, ctx := errgroup.WithContext(ctx)
	for i := range hits {
		all.Go(func() error {
			result, err := b.engine.Sample(ctx, r)
			if err == nil {
				hits[i] = result.CacheHitTokens
			}
			return err
		})
	}
	err = all.Wait()
	return milliseconds(time.Since(start)), hits, err
}
