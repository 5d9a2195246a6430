package server

import (
	"math"
	"net/http"
	"slices"
	"strings"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// engineRequest says in the engine's terms what in asks of m. What cannot be
// honoured is refused by name (400); what the engine refuses anyway is left to
// it.
//
// record_stability_info is accepted and changes nothing: it asks for nothing
// that an answer could hold.
func engineRequest(in *wire.SampleRequest, m *model) (*engine.Request, error) {
	if err := refuseUnsupported(in, m); err != nil {
		return nil, err
	}
	prompt, err := promptTokens(in.Prompt.Chunks)
	if err != nil {
		return nil, err
	}
	out := &engine.Request{
		Prompt:             prompt,
		NumSamples:         valueOr(in.NumSamples, 1),
		PromptLogprobs:     in.PromptLogprobs,
		TopKPromptLogprobs: in.TopKPromptLogprobs,
		TopKSampleLogprobs: in.TopKSampleLogprobs,
		PromptAltTokensK:   in.PromptAltTokensK,
	}
	if n := in.PromptLogprobsLastN; n != nil {
		if len(prompt) == 1 {
			return nil, badValue("prompt_logprobs_last_n", *n, "the prompt's one token has no log probability; leave it out")
		}
		if *n < 1 || *n > len(prompt)-1 {
			return nil, badValue("prompt_logprobs_last_n", *n, "want 1 to %d, one less than the prompt's tokens, or leave it out for all", len(prompt)-1)
		}
		if !in.PromptLogprobs {
			return nil, badValue("prompt_logprobs_last_n", *n, "it needs prompt_logprobs")
		}
		out.PromptLogprobsLastN = *n
	}
	if t := in.TargetPromptLogprobs; t != nil {
		if out.TargetPromptTokens, err = targetRows(t, len(prompt)); err != nil {
			return nil, err
		}
	}
	if n := out.NumSamples; n < 1 || n > engine.MaxNumSamples {
		return nil, badValue("num_samples", n, "want 1 to %d", engine.MaxNumSamples)
	}
	if err := setParams(out, &in.SamplingParams); err != nil {
		return nil, err
	}
	if err := checkWindow(out, m.info.ContextLength); err != nil {
		return nil, err
	}
	return out, nil
}

// refuseUnsupported names the first member of in that this server does not
// honour.
func refuseUnsupported(in *wire.SampleRequest, m *model) error {
	switch {
	case len(in.UnknownSet()) > 0:
		return refuse(http.StatusBadRequest, "%s: this server does not know it", strings.Join(in.UnknownSet(), ", "))
	case in.BaseModel != "" && !strings.EqualFold(in.BaseModel, m.Name):
		return badValue("base_model", in.BaseModel, "the sampling session samples from %s", m.Name)
	case in.ModelPath != "":
		return badValue("model_path", in.ModelPath, "saved weights are not supported by this server")
	}
	return nil
}

// promptTokens joins the chunks of a prompt, all of which must be text. The tokens
// of one chunk are not copied: they may be many.
func promptTokens(chunks []wire.Chunk) ([]int32, error) {
	var tokens []int32
	for i, c := range chunks {
		if c.Type != wire.ChunkText {
			return nil, refuse(http.StatusBadRequest, "prompt.chunks[%d]: a chunk of type %q is not supported: the model reads text alone", i, c.Type)
		}
		if len(tokens) == 0 {
			tokens = slices.Clip(c.Tokens)
			continue
		}
		tokens = append(tokens, c.Tokens...)
	}
	if len(tokens) == 0 {
		return nil, refuse(http.StatusBadRequest, "prompt is empty; want at least 1 token")
	}
	return tokens, nil
}

// setParams fills in how tokens are drawn. The API's defaults are decided here:
// temperature 1, top_p 1, all ids, end of sequence. min_p, off by default, is not
// the API's but ours.
func setParams(out *engine.Request, p *wire.SamplingParams) error {
	out.Temperature = valueOr(p.Temperature, 1)
	if t := out.Temperature; !(t >= 0) || math.IsInf(t, 0) {
		return badValue("sampling_params.temperature", t, "want a finite number, 0 or more")
	}
	out.TopP = valueOr(p.TopP, 1)
	if !(out.TopP > 0 && out.TopP <= 1) {
		return badValue("sampling_params.top_p", out.TopP, "want more than 0 and at most 1")
	}
	if k := valueOr(p.TopK, -1); k < -1 {
		return badValue("sampling_params.top_k", k, "want 1 or more, or -1 or 0 for all")
	} else {
		out.TopK = max(k, 0)
	}
	out.MinP = valueOr(p.MinP, 0)
	if !(out.MinP >= 0 && out.MinP <= 1) {
		return badValue("sampling_params.min_p", out.MinP, "want 0, which is off, to 1")
	}
	if p.MaxTokens != nil {
		if out.MaxTokens = *p.MaxTokens; out.MaxTokens < 1 {
			return badValue("sampling_params.max_tokens", out.MaxTokens, "want 1 or more, or leave it out for what the context has left")
		}
	}
	if p.Seed != nil {
		out.Seed = new(uint64(*p.Seed)) // two's complement: every int64 is a seed of its own
	}
	return setStop(&out.Stop, &p.Stop)
}

// setStop fills in what ends a sequence. Ids and texts come beside the end of
// sequence; the empty list alone switches that off.
func setStop(out *engine.Stop, in *wire.Stop) error {
	if n := max(len(in.Texts), len(in.Tokens)); n > engine.MaxStops {
		return refuse(http.StatusBadRequest, "sampling_params.stop has %d entries; the limit is %d", n, engine.MaxStops)
	}
	for i, text := range in.Texts {
		if text == "" || len(text) > engine.MaxStopBytes {
			return refuse(http.StatusBadRequest, "sampling_params.stop[%d] has %d bytes; want 1 to %d", i, len(text), engine.MaxStopBytes)
		}
	}
	out.Tokens, out.Strings = in.Tokens, in.Texts
	out.IgnoreEOS = in.Kind == wire.StopNever
	return nil
}

// checkWindow refuses what does not fit the context, in the hosted service's
// words. Even a request for log probabilities alone draws a token.
func checkWindow(r *engine.Request, limit int) error {
	most := max(r.MaxTokens, 1)
	if len(r.Prompt) > limit || most > limit-len(r.Prompt) {
		return refuse(http.StatusBadRequest, "Prompt length plus max_tokens exceeds the model's context window: %d + %d > %d",
			len(r.Prompt), most, limit)
	}
	return nil
}

func badValue(field string, value any, format string, args ...any) error {
	args = append([]any{field, value}, args...)
	return refuse(http.StatusBadRequest, "%s = %v: "+format, args...)
}

func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
