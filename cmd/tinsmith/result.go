package main

import (
	"math"

	"tinsmith.example/tinker"
)

// resultVersion is the version of the JSON that sample and logprobs print. It
// grows when a member changes its meaning or goes away, not when one is added.
const resultVersion = 1

// sampleResult is what sample --json prints; docs/cli.md describes it.
type sampleResult struct {
	Version int           `json:"version"`
	Server  string        `json:"server"`
	Model   string        `json:"model"`
	Seed    int64         `json:"seed"`
	Prompt  promptResult  `json:"prompt"`
	Samples []sampledText `json:"samples"`
}

type promptResult struct {
	Text     string          `json:"text"`
	Tokens   []int32         `json:"tokens"`
	Logprobs tinker.Logprobs `json:"logprobs,omitempty"`
}

type sampledText struct {
	Text       string          `json:"text"`
	Tokens     []int32         `json:"tokens"`
	Logprobs   tinker.Logprobs `json:"logprobs"`
	StopReason string          `json:"stop_reason"`
}

func newSampleResult(s *session, request *tinker.SampleRequest, response *tinker.SampleResponse, prompt string, seed int64) *sampleResult {
	r := &sampleResult{
		Version: resultVersion,
		Server:  s.server,
		Model:   s.model,
		Seed:    seed,
		Prompt:  promptResult{Text: prompt, Tokens: s.tokens.Encode(prompt), Logprobs: response.PromptLogprobs},
	}
	for _, sequence := range response.Sequences {
		r.Samples = append(r.Samples, sampledText{
			Text:       s.tokens.DecodeSkipSpecial(sequence.Tokens),
			Tokens:     sequence.Tokens,
			Logprobs:   sequence.Logprobs,
			StopReason: string(sequence.StopReason),
		})
	}
	return r
}

// logprobsResult is what logprobs --json prints; docs/cli.md describes it.
type logprobsResult struct {
	Version    int             `json:"version"`
	Server     string          `json:"server"`
	Model      string          `json:"model"`
	Text       string          `json:"text"`
	Tokens     []int32         `json:"tokens"`
	TokenTexts []string        `json:"token_texts"`
	Logprobs   tinker.Logprobs `json:"logprobs"`
	Sum        float64         `json:"sum"`
	Mean       *float64        `json:"mean"`       // null where nothing was scored
	Perplexity *float64        `json:"perplexity"` // likewise
}

func newLogprobsResult(s *session, text string, tokens []int32, logprobs tinker.Logprobs) *logprobsResult {
	r := &logprobsResult{
		Version:    resultVersion,
		Server:     s.server,
		Model:      s.model,
		Text:       text,
		Tokens:     tokens,
		TokenTexts: make([]string, len(tokens)),
		Logprobs:   logprobs,
	}
	for i, id := range tokens {
		r.TokenTexts[i] = tokenText(s.tokens, id)
	}
	sum, n := total(logprobs)
	r.Sum = sum
	if n > 0 {
		mean := sum / float64(n)
		perplexity := math.Exp(-mean)
		r.Mean, r.Perplexity = &mean, &perplexity
	}
	return r
}

// tokenText is the text of one token by itself. A token that holds a part of a
// character gives U+FFFD for it.
func tokenText(tokens *tinker.Tokenizer, id int32) string { return tokens.Decode([]int32{id}) }
