package engine

import (
	"fmt"
	"math"

	"tinsmith.example/internal/engine/kv"
	"tinsmith.example/internal/engine/sched"
)

// Check says whether Sample would accept r. Its error is an *ArgumentError.
// Nothing is computed.
func (e *Engine) Check(r *Request) error {
	if err := checkPrompt(r.Prompt, e.info.VocabSize); err != nil {
		return err
	}
	if err := checkParams(r); err != nil {
		return err
	}
	if err := checkPromptScores(r, e.info.VocabSize); err != nil {
		return err
	}
	if err := checkStop(&r.Stop, e.info.VocabSize); err != nil {
		return err
	}
	return e.checkLength(r)
}

func checkPrompt(prompt []int32, vocab int) error {
	if len(prompt) == 0 {
		return &ArgumentError{"prompt", "[]", "must have at least one token"}
	}
	for i, id := range prompt {
		if id < 0 || int(id) >= vocab {
			return &ArgumentError{fmt.Sprintf("prompt[%d]", i), id, fmt.Sprintf("the model's token ids are 0 to %d", vocab-1)}
		}
	}
	return nil
}

func checkParams(r *Request) error {
	switch {
	case r.NumSamples < 1 || r.NumSamples > MaxNumSamples:
		return &ArgumentError{"num_samples", r.NumSamples, fmt.Sprintf("must be 1 to %d", MaxNumSamples)}
	case r.MaxTokens < 0:
		return &ArgumentError{"max_tokens", r.MaxTokens, "must be at least 1"}
	case !(r.Temperature >= 0) || math.IsInf(r.Temperature, 1):
		return &ArgumentError{"temperature", r.Temperature, "must be finite and at least 0"}
	case r.TopK < 0:
		return &ArgumentError{"top_k", r.TopK, "must be at least 1, or -1 for all"}
	case !(r.TopP > 0 && r.TopP <= 1):
		return &ArgumentError{"top_p", r.TopP, "must be more than 0 and at most 1"}
	case !(r.MinP >= 0 && r.MinP <= 1):
		return &ArgumentError{"min_p", r.MinP, "must be 0 to 1"}
	case r.TopKPromptLogprobs < 0 || r.TopKPromptLogprobs > MaxTopKLogprobs:
		return &ArgumentError{"topk_prompt_logprobs", r.TopKPromptLogprobs, fmt.Sprintf("must be 0 to %d", MaxTopKLogprobs)}
	case r.TopKSampleLogprobs < 0 || r.TopKSampleLogprobs > MaxTopKLogprobs:
		return &ArgumentError{"topk_sample_logprobs", r.TopKSampleLogprobs, fmt.Sprintf("must be 0 to %d", MaxTopKLogprobs)}
	}
	return nil
}

// checkPromptScores checks what is asked about the prompt itself.
func checkPromptScores(r *Request, vocab int) error {
	if k := r.PromptAltTokensK; k < 0 || k > MaxTopKLogprobs {
		return &ArgumentError{"prompt_alt_tokens_k", k, fmt.Sprintf("must be 0 to %d", MaxTopKLogprobs)}
	}
	if n := r.PromptLogprobsLastN; n != 0 {
		if !r.PromptLogprobs {
			return &ArgumentError{"prompt_logprobs_last_n", n, "needs prompt_logprobs"}
		}
		if len(r.Prompt) == 1 {
			return &ArgumentError{"prompt_logprobs_last_n", n, "must be left out: the prompt's one token has no log probability"}
		}
		if n < 1 || n > len(r.Prompt)-1 {
			return &ArgumentError{"prompt_logprobs_last_n", n, fmt.Sprintf("must be 1 to %d, one less than the prompt's tokens", len(r.Prompt)-1)}
		}
	}
	return checkTargets(r, vocab)
}

func checkTargets(r *Request, vocab int) error {
	rows := r.TargetPromptTokens
	if rows == nil {
		return nil
	}
	if len(rows) != len(r.Prompt)-1 {
		return &ArgumentError{"target_prompt_logprobs", fmt.Sprintf("%d rows", len(rows)), fmt.Sprintf("must be %d, one less than the prompt's tokens", len(r.Prompt)-1)}
	}
	cells := 0
	for i, row := range rows {
		cells += len(row)
		for _, id := range row {
			if id < -1 || int(id) >= vocab {
				return &ArgumentError{fmt.Sprintf("target_prompt_logprobs[%d]", i), id, fmt.Sprintf("the model's token ids are 0 to %d; -1 asks nothing", vocab-1)}
			}
		}
	}
	if cells > MaxTargets {
		return &ArgumentError{"target_prompt_logprobs", fmt.Sprintf("%d cells", cells), fmt.Sprintf("must be at most %d", MaxTargets)}
	}
	return nil
}

func checkStop(s *Stop, vocab int) error {
	if n := max(len(s.Tokens), len(s.Strings)); n > MaxStops {
		return &ArgumentError{"stop", fmt.Sprintf("%d entries", n), fmt.Sprintf("must be at most %d", MaxStops)}
	}
	for i, id := range s.Tokens {
		if id < 0 || int(id) >= vocab {
			return &ArgumentError{fmt.Sprintf("stop[%d]", i), id, fmt.Sprintf("the model's token ids are 0 to %d", vocab-1)}
		}
	}
	for i, text := range s.Strings {
		if text == "" || len(text) > MaxStopBytes {
			return &ArgumentError{fmt.Sprintf("stop[%d]", i), fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("must be 1 to %d bytes", MaxStopBytes)}
		}
	}
	return nil
}

// checkLength holds prompt and answer against the context and the KV cache.
func (e *Engine) checkLength(r *Request) error {
	limit := e.info.ContextLength
	if max(1, r.MaxTokens) > limit-len(r.Prompt) { // not added up: the sum may overflow
		return &ArgumentError{"prompt", fmt.Sprintf("%d tokens", len(r.Prompt)), fmt.Sprintf(
			"Prompt length plus max_tokens exceeds the model's context window: %d + %d > %d", len(r.Prompt), max(1, r.MaxTokens), limit)}
	}
	g := sched.Group{Prompt: r.Prompt, MaxTokens: e.maxTokens(r)}
	if need := g.Need(); need > e.capacity {
		return &CacheError{
			ArgumentError: ArgumentError{"max_tokens", g.MaxTokens, fmt.Sprintf(
				"with a prompt of %d tokens this needs a KV cache of %d tokens, and there is one of %d",
				len(r.Prompt), need*kv.BlockPositions, e.KVTokens())},
			Need: int64(need) * int64(e.model.BlockSize().Bytes()),
		}
	}
	if k := r.TopKSampleLogprobs; k > 0 && g.MaxTokens > MaxSampledTopK/(k*r.NumSamples) {
		return &ArgumentError{"topk_sample_logprobs", k, fmt.Sprintf(
			"for %d samples of up to %d tokens these are more than %d values", r.NumSamples, g.MaxTokens, MaxSampledTopK)}
	}
	return nil
}

// maxTokens is the most tokens of one sample. Where the request does not say,
// it is what the context has left, or the KV cache if that holds less.
func (e *Engine) maxTokens(r *Request) int {
	if r.MaxTokens > 0 {
		return r.MaxTokens
	}
	// The prompt's full blocks are shared; of a partly filled one the sample has
	// a copy. Its last token needs no room.
	room := e.KVTokens() - len(r.Prompt) + 1
	if len(r.Prompt)%kv.BlockPositions != 0 {
		room -= kv.BlockPositions
	}
	return max(1, min(e.info.ContextLength-len(r.Prompt), room))
}
