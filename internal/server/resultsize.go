package server

import (
	"fmt"
	"net/http"

	"tinsmith.example/internal/engine"
)

// Bytes of a result: a token is an id and its log probability, and so is each
// of the likeliest ones and of the alternatives. Of a prompt's own tokens and of
// targets only the log probabilities are sent. What tells the parts of a sequence
// apart counts, too: of a thousand with one token each it is most. For the rest
// there is room in keptBytes.
const (
	sequenceBytes      = 32
	tokenBytes         = 8
	promptLogprobBytes = 4
)

// A resultSize is how many bytes the result of a request may have at most, by
// what they come from.
type resultSize struct {
	request                       *engine.Request
	maxTokens                     int
	sampled, prompt, alternatives int64
}

// largestResult is the size of the largest result of r. Where r has no
// max_tokens, it is what the context has left. The backend has accepted r, so
// that the products are far from overflowing.
func largestResult(r *engine.Request, window int) resultSize {
	s := resultSize{request: r, maxTokens: r.MaxTokens}
	if s.maxTokens == 0 {
		s.maxTokens = window - len(r.Prompt)
	}
	s.sampled = int64(r.NumSamples) * (sequenceBytes + int64(s.maxTokens)*tokenBytes*int64(1+r.TopKSampleLogprobs))
	s.prompt = int64(len(r.Prompt)) * tokenBytes * int64(r.TopKPromptLogprobs)
	for _, row := range r.TargetPromptTokens { // checked against engine.MaxTargets
		s.prompt += int64(len(row)) * promptLogprobBytes
	}
	if r.PromptLogprobs {
		s.prompt += int64(len(r.Prompt)) * promptLogprobBytes
	}
	s.alternatives = int64(len(r.Prompt)) * tokenBytes * int64(r.PromptAltTokensK)
	return s
}

func (s *resultSize) bytes() int64 { return s.sampled + s.prompt + s.alternatives }

// check refuses what may be larger than limit, in words about the field that
// most of it comes from.
func (s *resultSize) check(limit int64) error {
	if s.bytes() <= limit {
		return nil
	}
	r := s.request
	field, value := "num_samples", any(r.NumSamples)
	switch {
	case s.alternatives > max(s.prompt, s.sampled):
		field, value = "prompt_alt_tokens_k", r.PromptAltTokensK
	case s.prompt > s.sampled && r.TopKPromptLogprobs > 0:
		field, value = "topk_prompt_logprobs", r.TopKPromptLogprobs
	case s.prompt > s.sampled && len(r.TargetPromptTokens) > 0:
		field, value = "target_prompt_logprobs", fmt.Sprintf("%d rows", len(r.TargetPromptTokens))
	case s.prompt > s.sampled:
		field, value = "prompt_logprobs", r.PromptLogprobs
	case r.TopKSampleLogprobs > 0:
		field, value = "topk_sample_logprobs", r.TopKSampleLogprobs
	case r.NumSamples == 1:
		field, value = "sampling_params.max_tokens", s.maxTokens
	}
	return refuse(http.StatusBadRequest,
		"%s = %v: for a prompt of %d tokens and %d samples of up to %d tokens, the result may have %d bytes; the limit is %d",
		field, value, len(r.Prompt), r.NumSamples, s.maxTokens, s.bytes(), limit)
}
