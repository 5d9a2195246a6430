package server

import (
	"math"

	"tinsmith.example/internal/wire"
)

// plainSample is a sample's result in JSON: for clients before 0.25, which did
// not insist on protobuf, and for people with curl.
type plainSample struct {
	Type                 string          `json:"type"`
	Sequences            []plainSequence `json:"sequences"`
	PromptLogprobs       []*float64      `json:"prompt_logprobs,omitzero"`
	TopKPromptLogprobs   []*plainRow     `json:"topk_prompt_logprobs,omitzero"`
	PromptCacheHitTokens int             `json:"prompt_cache_hit_tokens"`
	TargetPromptLogprobs *wire.Tensor    `json:"target_prompt_logprobs,omitzero"`
	PromptAltTokens      *plainAlts      `json:"prompt_alt_tokens,omitzero"`
}

type plainAlts struct {
	Tokens   *wire.Tensor `json:"tokens"`
	Logprobs *wire.Tensor `json:"logprobs"`
}

type plainSequence struct {
	StopReason   wire.StopReason `json:"stop_reason"`
	Tokens       wire.Tokens     `json:"tokens"`
	Logprobs     []*float64      `json:"logprobs,omitzero"`
	TopKLogprobs []*plainRow     `json:"topk_logprobs,omitzero"`
}

// A plainRow has [id, log probability] cells.
type plainRow [][2]float64

// plainResult turns the binary form into the JSON one.
func plainResult(binary []byte) *plainSample {
	r, err := wire.DecodeSampleResponse(binary)
	if err != nil {
		panic(err) // we encoded it
	}
	out := &plainSample{
		Type:                 wire.TypeSample,
		Sequences:            []plainSequence{},
		PromptLogprobs:       plainFloats(r.PromptLogprobs),
		TopKPromptLogprobs:   plainTable(r.TopKPromptLogprobs),
		PromptCacheHitTokens: r.PromptCacheHitTokens,
		TargetPromptLogprobs: r.TargetPromptLogprobs,
	}
	if a := r.PromptAltTokens; a != nil {
		out.PromptAltTokens = &plainAlts{a.Tokens, a.Logprobs}
	}
	for _, s := range r.Sequences {
		out.Sequences = append(out.Sequences, plainSequence{
			StopReason:   s.StopReason,
			Tokens:       s.Tokens,
			Logprobs:     plainFloats(s.Logprobs),
			TopKLogprobs: plainTable(s.TopK),
		})
	}
	return out
}

// plainFloats has null for what JSON cannot say. A float64 has a float32's
// value exactly.
func plainFloats(list []float32) []*float64 {
	if list == nil {
		return nil
	}
	out := make([]*float64, len(list))
	for i, f := range list {
		if d := float64(f); !math.IsNaN(d) && !math.IsInf(d, 0) {
			out[i] = &d
		}
	}
	return out
}

// plainTable has null for a row without cells.
func plainTable(t *wire.TopK) []*plainRow {
	if t == nil {
		return nil
	}
	out := make([]*plainRow, len(t.Rows))
	for i, cells := range t.Rows {
		if len(cells) == 0 {
			continue
		}
		var row plainRow
		for _, c := range cells {
			row = append(row, [2]float64{float64(c.Token), max(float64(c.Logprob), -math.MaxFloat64)})
		}
		out[i] = &row
	}
	return out
}
