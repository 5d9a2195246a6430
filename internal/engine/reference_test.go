package engine_test

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
)

// reference is what torch gives in float32 on the default model's weights,
// widened exactly: per prompt the log probability of every token, the five
// likeliest ids at every position, and 32 greedy tokens with the distance of
// the second likeliest.
type reference struct {
	Cases []struct {
		Name       string             `json:"name"`
		Prompt     []int32            `json:"prompt"`
		Logprobs   []*float64         `json:"prompt_logprobs"`
		TopK       [][][2]json.Number `json:"topk_prompt_logprobs"`
		Greedy     []int32            `json:"greedy"`
		GreedyLogs []float64          `json:"greedy_logprobs"`
		GreedyGap  []float64          `json:"greedy_gap"`
	} `json:"cases"`
}

func readReference(t *testing.T) (r reference) {
	f, err := os.Open("testdata/reference.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReference holds prompt log probabilities, top-k and greedy text of the
// real model against another program's. The bounds are those of the design.
func TestReference(t *testing.T) {
	e := open(t, testmodel.Default(t), engine.Options{})
	var sum, worst float64
	var count, greedy, same int
	for _, c := range readReference(t).Cases {
		got := sample(t, e, &engine.Request{
			Prompt: c.Prompt, NumSamples: 1, MaxTokens: len(c.Greedy), TopP: 1,
			Stop: engine.Stop{IgnoreEOS: true}, PromptLogprobs: true, TopKPromptLogprobs: 5,
		})
		if first := got.PromptLogprobs[0]; first == first {
			t.Errorf("%s: position 0 has log probability %v, want NaN", c.Name, first)
		}
		for i, want := range c.Logprobs {
			if want == nil {
				continue
			}
			d := math.Abs(float64(got.PromptLogprobs[i]) - *want)
			sum, worst, count = sum+d, max(worst, d), count+1
			for k, pair := range c.TopK[i] {
				id, _ := pair[0].Int64()
				logprob, _ := pair[1].Float64()
				top := got.TopKPromptLogprobs[i][k]
				if math.Abs(float64(top.Logprob)-logprob) > 3e-3 {
					t.Errorf("%s: position %d, choice %d: got %v, want id %d with %v", c.Name, i, k, top, id, logprob)
				}
			}
		}
		greedy += len(c.Greedy)
		for i, want := range c.Greedy {
			if got.Sequences[0].Tokens[i] != want {
				break
			}
			same++
		}
		for i, want := range c.Greedy {
			if c.GreedyGap[i] < 0.01 {
				break
			}
			if id := got.Sequences[0].Tokens[i]; id != want {
				t.Errorf("%s: greedy token %d is %d, want %d (gap %.3g)", c.Name, i, id, want, c.GreedyGap[i])
				break
			}
			if d := math.Abs(float64(got.Sequences[0].Logprobs[i]) - c.GreedyLogs[i]); d > 3e-3 {
				t.Errorf("%s: greedy token %d is off by %g", c.Name, i, d)
			}
		}
	}
	mean := sum / float64(count)
	t.Logf("%d prompt tokens: mean |Δ log probability| %.3g, largest %.3g", count, mean, worst)
	t.Logf("%d of %d greedy tokens equal up to the first difference of their text", same, greedy)
	if mean > 3e-5 || worst > 3e-3 {
		t.Errorf("mean %.3g and largest %.3g, want at most 3e-5 and 3e-3", mean, worst)
	}
}
