package local_test

import (
	"math"
	"slices"
	"testing"

	"tinsmith.example/local"
	"tinsmith.example/tinker"
)

// TestEveryKindOfLogprobOverTheWire: what the SDK can ask about a prompt comes
// back, and is what scoring the same text gives, to the bit.
func TestEveryKindOfLogprobOverTheWire(t *testing.T) {
	c := sampler(t, start(t, local.Options{}))
	prompt := make([]int32, 70)
	for i := range prompt {
		prompt[i] = int32(i)
	}
	score := func(tokens []int32) float32 {
		t.Helper()
		l, err := c.ComputeLogprobs(t.Context(), tinker.FromTokens(tokens), tinker.LastN(1))
		if err != nil {
			t.Fatal(err)
		}
		return l[len(l)-1]
	}
	same := func(what string, pos int, id int32, got float32) {
		t.Helper()
		if want := score(append(slices.Clone(prompt[:pos]), id)); math.Float32bits(got) != math.Float32bits(want) {
			t.Errorf("%s of %d at position %d is %v, scored %v", what, id, pos, got, want)
		}
	}
	targets := &tinker.TargetTokens{Rows: make([][]int32, len(prompt)-1)}
	targets.Rows[9], targets.Rows[40] = []int32{1, -1, 2}, []int32{3}
	seed := int64(4)
	r := &tinker.SampleRequest{
		Prompt: tinker.FromTokens(prompt), Params: tinker.SamplingParams{MaxTokens: 1, Seed: &seed},
		PromptLogprobs: true, PromptLogprobsLastN: 5, TopKPromptLogprobs: 2, PromptAltTokensK: 2, TargetPromptLogprobs: targets,
	}
	got, err := c.Sample(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct{ row, column int }{{9, 0}, {9, 2}, {40, 0}} {
		same("the target", at.row+1, targets.Rows[at.row][at.column], got.TargetPromptLogprobs[at.row][at.column])
	}
	if x := got.TargetPromptLogprobs[9][1]; !math.IsNaN(float64(x)) {
		t.Errorf("a target that asks nothing is %v", x)
	}
	for pos := range prompt {
		inside := pos >= len(prompt)-5
		if math.IsNaN(float64(got.PromptLogprobs[pos])) == inside || (got.TopKPromptLogprobs[pos] != nil) != inside {
			t.Errorf("the last 5, position %d: %v, %v", pos, got.PromptLogprobs[pos], got.TopKPromptLogprobs[pos])
		}
		if inside {
			same("the prompt's log probability", pos, prompt[pos], got.PromptLogprobs[pos])
			same("the likeliest token's", pos, got.TopKPromptLogprobs[pos][1].Token, got.TopKPromptLogprobs[pos][1].Logprob)
		}
	}
	for _, row := range []int{0, 33, 68} {
		for _, alt := range got.PromptAltTokens[row] {
			same("the alternative", row+1, alt.Token, alt.Logprob)
		}
	}
	again, err := c.Sample(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if again.PromptCacheHitTokens != len(prompt) || !slices.EqualFunc(again.PromptAltTokens, got.PromptAltTokens, slices.Equal[[]tinker.TokenLogprob]) {
		t.Errorf("the same again found %d of %d tokens in the cache, or other alternatives", again.PromptCacheHitTokens, len(prompt))
	}
}
