package main

import (
	"context"
	"math"
	"slices"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/receipt"
	"tinsmith.example/internal/server"
	"tinsmith.example/internal/wire"
)

// suspect says what in a receipt was changed, where arithmetic, model and
// adapter are what they were and the replay gave another answer. The promise
// that sampled log probabilities are the computed ones tells: if the receipt's
// own tokens, scored behind its prompt, have the receipt's log probabilities,
// then these belong together, and it was the drawing of the tokens that changed.
func suspect(ctx context.Context, e *engine.Engine, old *receipt.Receipt, found []difference) string {
	drawn := []string{receipt.PartTokens, receipt.PartStopReason}
	if !slices.ContainsFunc(found, func(d difference) bool { return slices.Contains(drawn, d.Part) }) {
		return changedAnswer
	}
	for _, part := range []string{receipt.PartPromptLogprobs, receipt.PartTopKPromptLogprobs, receipt.PartTargetPromptLogprobs} {
		if slices.ContainsFunc(found, func(d difference) bool { return d.Part == part }) {
			return changedAnswer // drawing has no part in these
		}
	}
	for i := range old.Result.Sequences {
		if !genuine(ctx, e, old, &old.Result.Sequences[i]) {
			return changedAnswer
		}
	}
	return changedDraw
}

// genuine reports whether the log probabilities of a sequence are those that the
// model gives its tokens behind the receipt's prompt. Of a full context the last
// token is left out: a request for log probabilities needs room for one more.
func genuine(ctx context.Context, e *engine.Engine, old *receipt.Receipt, s *wire.Sequence) bool {
	var text []int32
	for _, c := range old.Request.Prompt.Chunks {
		text = append(text, c.Tokens...)
	}
	prompt := len(text)
	text = append(text, s.Tokens...)
	text = text[:max(prompt, min(len(text), e.Info().ContextLength-1))]
	scored, err := server.Replay(ctx, e, old.Model.Name, &receipt.Receipt{
		Request: &wire.SampleRequest{
			Prompt:         wire.ModelInput{Chunks: []wire.Chunk{wire.TextChunk(text)}},
			SamplingParams: wire.SamplingParams{MaxTokens: new(1)},
			PromptLogprobs: true,
		},
	})
	if err != nil {
		return false
	}
	return slices.EqualFunc(scored.Result.PromptLogprobs[prompt:], s.Logprobs[:len(text)-prompt], func(a, b float32) bool {
		return math.Float32bits(a) == math.Float32bits(b)
	})
}
