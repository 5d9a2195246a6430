package server

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// TestResultsAreBounded: a request whose result may be larger than what is kept
// of all of them is refused before it is sampled, and one that just fits is not.
func TestResultsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(*wire.SampleRequest)
		most    int64 // bytes of the largest result
		message string
	}{
		{"samples", func(r *wire.SampleRequest) { r.NumSamples = new(1024) }, 1024 * (32 + 4*8), "num_samples = 1024:"},
		{"tokens", func(r *wire.SampleRequest) { r.SamplingParams.MaxTokens = new(60) }, 32 + 60*8, "sampling_params.max_tokens = 60:"},
		{"all that is left", func(r *wire.SampleRequest) { r.SamplingParams.MaxTokens = nil }, 32 + (fakeContext-3)*8, "sampling_params.max_tokens = 61:"},
		{"likeliest tokens", func(r *wire.SampleRequest) { r.NumSamples, r.TopKSampleLogprobs = new(1024), 128 }, 1024 * (32 + 4*8*129), "topk_sample_logprobs = 128:"},
		{"prompt", func(r *wire.SampleRequest) {
			r.Prompt.Chunks[0].Tokens = make([]int32, 20)
			r.PromptLogprobs, r.SamplingParams.MaxTokens = true, new(1)
		}, 32 + 8 + 20*4, "prompt_logprobs = true:"},
		{"likeliest prompt tokens", func(r *wire.SampleRequest) { r.PromptLogprobs, r.TopKPromptLogprobs = true, 20 }, 32 + 4*8 + 3*4*41, "topk_prompt_logprobs = 20:"},
		{"targets", func(r *wire.SampleRequest) {
			r.TargetPromptLogprobs = &wire.Tensor{DType: wire.Int64, Ints: make([]int64, 200), Shape: []int64{2, 100}}
		}, 32 + 4*8 + 200*4, "target_prompt_logprobs = 2 rows:"},
		{"alternatives", func(r *wire.SampleRequest) { r.PromptAltTokensK = 20 }, 32 + 4*8 + 3*8*20, "prompt_alt_tokens_k = 20:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, limit := range []int64{tt.most, tt.most - 1} {
				backend := &fakeBackend{}
				_, c := serve(t, backend, Limits{ResultBytes: limit})
				r := sampleOf(c.newSampler(), 0)
				tt.change(r)
				status, body := c.post(wire.PathSample, r)
				if limit == tt.most {
					if status != 200 {
						t.Errorf("with room for all of it: %d %s", status, body)
					}
					continue
				}
				numbers := fmt.Sprintf("%d bytes; the limit is %d", tt.most, limit)
				if text := string(body); status != 400 || !strings.Contains(text, tt.message) || !strings.Contains(text, numbers) {
					t.Errorf("with a byte too little: %d %s, want 400 with %q and %q", status, body, tt.message, numbers)
				}
				if backend.calls.Load() != 0 {
					t.Error("it was sampled")
				}
			}
		})
	}
}

// TestNoResultIsLargerThanItsSize: what a result was reckoned to take at most, with
// what is kept beside it, it does not exceed.
func TestNoResultIsLargerThanItsSize(t *testing.T) {
	row := func(k int) []engine.TokenLogprob {
		return slices.Repeat([]engine.TokenLogprob{{ID: math.MaxInt32, Logprob: -1}}, k)
	}
	for _, samples := range []int{1, 1024} {
		for _, tokens := range []int{1, 15, 300} {
			for _, k := range []int{0, 1, 5} {
				r := &engine.Request{Prompt: make([]int32, tokens), NumSamples: samples, MaxTokens: tokens,
					PromptLogprobs: true, TopKPromptLogprobs: k, TopKSampleLogprobs: k, PromptAltTokensK: k}
				s := engine.Sequence{Tokens: make([]int32, tokens), Logprobs: make([]float32, tokens), TopK: slices.Repeat([][]engine.TokenLogprob{row(k)}, tokens), Stop: engine.StopStop}
				message, err := sampleResponse(r, nil, &engine.Result{
					Sequences:          slices.Repeat([]engine.Sequence{s}, samples),
					PromptLogprobs:     make([]float32, tokens),
					TopKPromptLogprobs: slices.Repeat([][]engine.TokenLogprob{row(k)}, tokens),
					PromptAltTokens:    slices.Repeat([][]engine.TokenLogprob{row(k)}, tokens-1),
				})
				if err != nil {
					t.Fatal(err)
				}
				binary, err := message.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				if size := largestResult(r, fakeContext); int64(len(binary)) > size.bytes()+keptBytes/8 {
					t.Errorf("%d samples of %d tokens, k = %d: %d bytes, reckoned were %d", samples, tokens, k, len(binary), size.bytes())
				}
			}
		}
	}
}

// TestLargestResultDoesNotOverflow: no request that a backend accepts is taken
// for a small one.
func TestLargestResultDoesNotOverflow(t *testing.T) {
	r := &engine.Request{Prompt: []int32{1}, NumSamples: engine.MaxNumSamples, TopKSampleLogprobs: engine.MaxTopKLogprobs,
		TopKPromptLogprobs: engine.MaxTopKLogprobs, PromptLogprobs: true}
	if size := largestResult(r, math.MaxInt32); size.check(1<<50) == nil {
		t.Error("a result of 2^51 bytes was let through with a limit of 2^50")
	}
}
