package server

import (
	"fmt"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// sampleResponse says in the API's terms what the engine answered to r; targets
// is the request's tensor of target tokens, if it has one. An answer whose lists
// have not the length that was asked for is an error: a client would fail over
// it, or worse, not notice.
func sampleResponse(r *engine.Request, targets *wire.Tensor, res *engine.Result) (*wire.SampleResponse, error) {
	if res == nil || len(res.Sequences) != r.NumSamples {
		return nil, fmt.Errorf("the backend did not give the %d sequences that were asked for", r.NumSamples)
	}
	out := &wire.SampleResponse{PromptCacheHitTokens: res.CacheHitTokens}
	for i := range res.Sequences {
		s, err := sequence(r, &res.Sequences[i])
		if err != nil {
			return nil, fmt.Errorf("sequence %d: %w", i, err)
		}
		out.Sequences = append(out.Sequences, s)
	}
	if r.PromptLogprobs {
		if err := checkLength("prompt log probabilities", len(res.PromptLogprobs), len(r.Prompt)); err != nil {
			return nil, err
		}
		out.PromptLogprobs = res.PromptLogprobs
	}
	if k := r.TopKPromptLogprobs; k > 0 {
		if err := checkLength("rows of likeliest prompt tokens", len(res.TopKPromptLogprobs), len(r.Prompt)); err != nil {
			return nil, err
		}
		out.TopKPromptLogprobs = table(k, res.TopKPromptLogprobs)
	}
	var err error
	if targets != nil {
		if out.TargetPromptLogprobs, err = targetTensor(targets, res.TargetPromptLogprobs); err != nil {
			return nil, err
		}
	}
	if k := r.PromptAltTokensK; k > 0 {
		if out.PromptAltTokens, err = altTokens(k, len(r.Prompt), res.PromptAltTokens); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func sequence(r *engine.Request, s *engine.Sequence) (wire.Sequence, error) {
	out := wire.Sequence{Tokens: s.Tokens, Logprobs: s.Logprobs, StopReason: wire.StopReasonLength}
	if s.Stop == engine.StopStop {
		out.StopReason = wire.StopReasonStop
	}
	if err := checkLength("log probabilities", len(s.Logprobs), len(s.Tokens)); err != nil {
		return out, err
	}
	if k := r.TopKSampleLogprobs; k > 0 {
		if err := checkLength("rows of likeliest tokens", len(s.TopK), len(s.Tokens)); err != nil {
			return out, err
		}
		out.TopK = table(k, s.TopK)
	}
	return out, nil
}

func checkLength(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("the backend gave %d %s for %d tokens", got, what, want)
	}
	return nil
}

func table(k int, rows [][]engine.TokenLogprob) *wire.TopK {
	t := &wire.TopK{K: k, Rows: make([][]wire.TokenLogprob, len(rows))}
	for i, row := range rows {
		for _, cell := range row {
			t.Rows[i] = append(t.Rows[i], wire.TokenLogprob{Token: cell.ID, Logprob: cell.Logprob})
		}
	}
	return t
}
