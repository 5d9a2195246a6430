package server

import (
	"fmt"
	"net/http"

	"tinsmith.example/internal/engine"
)

// Bytes of a result: a token is an id and its log probability, and so is each
// of the likeliest ones and of the alternatives. Of a prompt's own tokens and of
// targets only the log probabilities are sent.
const (
	tokenBytes         = 8
	promptLogprobBytes = 4
)

// checkResultSize refuses a request whose result may be larger than limit, in
// words about the field that most of it comes from. Where the request has no
// max_tokens, it is what the context has left. The backend has accepted r, so
// that the products are far from overflowing.
func checkResultSize(r *engine.Request, window int, limit int64) error {
	maxTokens := r.MaxTokens
	if maxTokens == 0 {
		maxTokens = window - len(r.Prompt)
	}
	sampled := int64(r.NumSamples) * int64(maxTokens) * tokenBytes * int64(1+r.TopKSampleLogprobs)
	prompt := int64(len(r.Prompt)) * tokenBytes * int64(r.TopKPromptLogprobs)
	alternatives := int64(len(r.Prompt)) * tokenBytes * int64(r.PromptAltTokensK)
	for _, row := range r.TargetPromptTokens { // checked against engine.MaxTargets
		prompt += int64(len(row)) * promptLogprobBytes
	}
	if r.PromptLogprobs {
		prompt += int64(len(r.Prompt)) * promptLogprobBytes
	}
	most := sampled + prompt + alternatives
	if most <= limit {
		return nil
	}
	field, value := "num_samples", any(r.NumSamples)
	switch {
	case alternatives > max(prompt, sampled):
		field, value = "prompt_alt_tokens_k", r.PromptAltTokensK
	case prompt > sampled && r.TopKPromptLogprobs > 0:
		field, value = "topk_prompt_logprobs", r.TopKPromptLogprobs
	case prompt > sampled && len(r.TargetPromptTokens) > 0:
		field, value = "target_prompt_logprobs", fmt.Sprintf("%d rows", len(r.TargetPromptTokens))
	case prompt > sampled:
		field, value = "prompt_logprobs", r.PromptLogprobs
	case r.TopKSampleLogprobs > 0:
		field, value = "topk_sample_logprobs", r.TopKSampleLogprobs
	case r.NumSamples == 1:
		field, value = "sampling_params.max_tokens", maxTokens
	}
	return refuse(http.StatusBadRequest,
		"%s = %v: for a prompt of %d tokens and %d samples of up to %d tokens, the result may have %d bytes; the limit is %d",
		field, value, len(r.Prompt), r.NumSamples, maxTokens, most, limit)
}
