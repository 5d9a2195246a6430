package engine_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

func sameBits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// TestEveryKindOfLogprobIsTheSame: of an id at a position there is one log
// probability. Targets, alternatives, top-k lists and samples have the one that
// scoring a text with that id there gives, and the last n those of all.
func TestEveryKindOfLogprobIsTheSame(t *testing.T) {
	e := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{})
	r := rand.New(rand.NewPCG(6, 6))
	prompt := make([]int32, 75)
	for i := range prompt {
		prompt[i] = r.Int32N(int32(e.Info().VocabSize))
	}
	const k, lastN = 3, 20
	all := &engine.Request{
		Prompt: prompt, NumSamples: 2, MaxTokens: 4, Temperature: 1, TopP: 1, Seed: seed(5),
		PromptLogprobs: true, TopKPromptLogprobs: k, TopKSampleLogprobs: k, PromptAltTokensK: k,
		TargetPromptTokens: make([][]int32, len(prompt)-1),
	}
	for i := range all.TargetPromptTokens {
		all.TargetPromptTokens[i] = []int32{prompt[i+1], -1, r.Int32N(int32(e.Info().VocabSize))}
	}
	got := sample(t, e, all)
	scored := func(pos int, id int32) float32 {
		text := append(slices.Clone(prompt[:pos]), id)
		return sample(t, e, &engine.Request{Prompt: text, NumSamples: 1, MaxTokens: 1, TopP: 1, PromptLogprobs: true, PromptLogprobsLastN: 1}).PromptLogprobs[pos]
	}
	for pos := 1; pos < len(prompt); pos++ {
		targets := got.TargetPromptLogprobs[pos-1]
		if len(targets) != 3 || !sameBits(targets[0], got.PromptLogprobs[pos]) || targets[1] != 0 {
			t.Errorf("position %d: targets %v, want the prompt's %v and 0", pos, targets, got.PromptLogprobs[pos])
		}
		pairs := append(slices.Clone(got.TopKPromptLogprobs[pos]), got.PromptAltTokens[pos-1]...)
		pairs = append(pairs, engine.TokenLogprob{ID: all.TargetPromptTokens[pos-1][2], Logprob: targets[2]})
		if len(pairs) != 2*k+1 {
			t.Fatalf("position %d: %d likeliest and alternatives, want %d", pos, len(pairs)-1, 2*k)
		}
		for _, p := range pairs {
			if want := scored(pos, p.ID); !sameBits(p.Logprob, want) {
				t.Errorf("position %d, id %d: %v, but scoring gives %v", pos, p.ID, p.Logprob, want)
			}
		}
	}

	suffix := *all
	suffix.PromptLogprobsLastN = lastN
	last := sample(t, e, &suffix)
	for pos := range prompt {
		inside := pos >= len(prompt)-lastN
		if inside && (!sameBits(last.PromptLogprobs[pos], got.PromptLogprobs[pos]) || !slices.Equal(last.TopKPromptLogprobs[pos], got.TopKPromptLogprobs[pos])) ||
			!inside && (!math.IsNaN(float64(last.PromptLogprobs[pos])) || last.TopKPromptLogprobs[pos] != nil) {
			t.Errorf("the last %d, position %d: %v and %v", lastN, pos, last.PromptLogprobs[pos], last.TopKPromptLogprobs[pos])
		}
	}
	last.PromptLogprobs, last.TopKPromptLogprobs = got.PromptLogprobs, got.TopKPromptLogprobs
	if bits(last) != bits(got) {
		t.Error("the last n change targets, alternatives or samples")
	}
}

// TestAlternativesFollowTheirRule: greedily they are the likeliest id, more of
// them begin with the fewer, and filters make no difference.
func TestAlternativesFollowTheirRule(t *testing.T) {
	e := open(t, testmodel.Tiny(t, tinymodel.Options{}), engine.Options{})
	draw := func(k int, change func(*engine.Request)) *engine.Result {
		q := &engine.Request{Prompt: []int32{4, 5, 6, 7, 8, 9}, NumSamples: 1, MaxTokens: 1, Temperature: 1, TopP: 1, Seed: seed(3), TopKPromptLogprobs: 2, PromptAltTokensK: k}
		change(q)
		return sample(t, e, q)
	}
	same := func(*engine.Request) {}
	eight, three := draw(8, same), draw(3, same)
	greedy := draw(3, func(q *engine.Request) { q.Temperature = 0 })
	filtered := draw(8, func(q *engine.Request) { q.TopK, q.TopP = 2, 0.5 })
	distinct := map[int32]bool{}
	for i := range eight.PromptAltTokens {
		if !slices.Equal(eight.PromptAltTokens[i][:3], three.PromptAltTokens[i]) {
			t.Errorf("row %d: 3 are %v, 8 are %v", i, three.PromptAltTokens[i], eight.PromptAltTokens[i])
		}
		likeliest := greedy.TopKPromptLogprobs[i+1]
		for _, a := range greedy.PromptAltTokens[i] {
			if a != likeliest[0] {
				t.Errorf("row %d: greedily %v, want %v", i, a, likeliest[0])
			}
		}
		if !slices.Equal(filtered.PromptAltTokens[i], eight.PromptAltTokens[i]) {
			t.Errorf("row %d: with filters %v, without %v", i, filtered.PromptAltTokens[i], eight.PromptAltTokens[i])
		}
		for _, a := range eight.PromptAltTokens[i] {
			distinct[a.ID] = true
		}
	}
	if len(distinct) < 10 {
		t.Errorf("%d different ids in 40 draws", len(distinct))
	}
}

// TestCacheHitTokensAreTrue: what of a prompt was there, by a request before or
// one beside it, for samples and for log probabilities.
func TestCacheHitTokensAreTrue(t *testing.T) {
	path := testmodel.Tiny(t, tinymodel.Options{})
	e := open(t, path, engine.Options{})
	prompt := make([]int32, 100)
	for i := range prompt {
		prompt[i] = int32(i)
	}
	ask := func(tokens []int32, change func(*engine.Request)) *engine.Result {
		q := &engine.Request{Prompt: tokens, NumSamples: 2, MaxTokens: 40, Temperature: 1, TopP: 1, Seed: seed(1), Stop: engine.Stop{IgnoreEOS: true}}
		change(q)
		return sample(t, e, q)
	}
	nothing := func(*engine.Request) {}
	score := func(q *engine.Request) { q.MaxTokens, q.PromptLogprobs, q.TopKPromptLogprobs = 1, true, 2 }
	first := ask(prompt, nothing)
	for _, tt := range []struct {
		name   string
		tokens []int32
		change func(*engine.Request)
		want   int
	}{
		{"the same again", prompt, nothing, 100},
		{"log probabilities of the same", prompt, score, 100},
		{"a part of it", prompt[:71], score, 71},
		{"one that goes on differently", append(prompt[:90:90], 7, 7, 7), score, 90},
		{"a conversation", slices.Concat(prompt, first.Sequences[1].Tokens, []int32{3, 4}), nothing, 139},
		{"its first token", prompt[:1], nothing, 1},
		{"another beginning", append([]int32{200}, prompt...), nothing, 0},
		{"another tenant's", prompt, func(q *engine.Request) { q.Tenant = "other" }, 0},
	} {
		got := ask(tt.tokens, tt.change)
		if got.CacheHitTokens != tt.want {
			t.Errorf("%s: %d tokens, want %d", tt.name, got.CacheHitTokens, tt.want)
		}
		fresh := open(t, path, engine.Options{NoPrefixCache: true})
		q := &engine.Request{Prompt: tt.tokens, NumSamples: 2, MaxTokens: 40, Temperature: 1, TopP: 1, Seed: seed(1), Stop: engine.Stop{IgnoreEOS: true}}
		tt.change(q)
		if want := sample(t, fresh, q); bits(got) != bits(want) || want.CacheHitTokens != 0 {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, bits(got), bits(want))
		}
	}
}
