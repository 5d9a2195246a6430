package tinker

import (
	"context"
	"fmt"
	"math"
	"unicode/utf8"
)

// A Sampler samples and computes log probabilities. *SamplingClient is one;
// programs that take the interface can be tested with another.
//
// Both methods may be used by any number of goroutines and end with their
// context.
type Sampler interface {
	// Sample continues a prompt; see SamplingClient.Sample.
	Sample(context.Context, *SampleRequest) (*SampleResponse, error)
	// ComputeLogprobs scores a text; see SamplingClient.ComputeLogprobs.
	ComputeLogprobs(context.Context, ModelInput, ...LogprobsOption) (Logprobs, error)
}

// A SampleRequest asks for continuations of a prompt, and for log probabilities
// of the prompt itself.
type SampleRequest struct {
	Prompt     ModelInput     // what is continued
	NumSamples int            // samples of it, each drawn on its own; 0: 1
	Params     SamplingParams // how tokens are drawn

	PromptLogprobs      bool // of each prompt token after the first
	TopKPromptLogprobs  int  // likeliest tokens at each prompt position; 0: none
	TopKSampleLogprobs  int  // likeliest tokens at each sampled position; 0: none
	PromptAltTokensK    int  // tokens drawn at each prompt position after the first; 0: none
	PromptLogprobsLastN int  // score only the last n prompt tokens; 0: all. Needs PromptLogprobs

	// TargetPromptLogprobs asks for log probabilities of tokens of your choice
	// at prompt positions. nil: none.
	TargetPromptLogprobs *TargetTokens
}

// TargetTokens are tokens whose log probabilities are asked for: row i is about
// prompt position i+1, so there is one row less than there are prompt tokens.
// Rows may differ in length and be empty; a -1 in a row asks nothing.
type TargetTokens struct {
	Rows [][]int32 // [prompt tokens - 1][any number]; token ids, or -1
	// Sparse sends and receives only what is asked for, and not a table that is
	// as wide as the longest row: for a few tokens in a long prompt. The response
	// is the same.
	Sparse bool
}

// SamplingParams say how tokens are drawn. The zero value is the API's
// defaults, which are not all zero: a temperature of 1, and neither top-k nor
// top-p.
type SamplingParams struct {
	MaxTokens   int      // tokens per sample; 0: until it stops or the context is full
	Temperature *float64 // nil: 1. 0 takes the likeliest token
	TopK        int      // draw from the k likeliest; 0 and -1: from all
	TopP        float64  // draw from the likeliest that make up p; 0: 1, all
	Seed        *int64   // nil: the server's choice. The same seed gives the same samples
	Stop        Stop     // zero: at the model's end of sequence

	// MinP drops, after top-k and top-p, the tokens that are less likely than
	// MinP times the likeliest one: 0 to 1. 0: none, and then it is not sent.
	// It is Tinsmith's addition to the API: other servers may refuse it, or not
	// notice it.
	MinP float64
}

// A Stop says what ends a sequence. The zero value is the model's own end of
// sequence. What ended a sequence is kept at its end.
type Stop struct {
	texts  []string
	tokens []int32
	never  bool
}

// StopStrings ends sequences after any of these texts. Without a text it is the
// zero value.
func StopStrings(texts ...string) Stop { return Stop{texts: texts} }

// StopTokens ends sequences after any of these tokens. Without a token it is
// the zero value.
func StopTokens(ids ...int32) Stop { return Stop{tokens: ids} }

// NoStop lets sequences run to MaxTokens, even past the model's end of sequence.
func NoStop() Stop { return Stop{never: true} }

// A LogprobsOption changes what ComputeLogprobs computes.
type LogprobsOption func(*SampleRequest)

// LastN computes only the log probabilities of the last n tokens, which is
// cheaper. n must be at least 1 and less than the prompt's length; another one is
// an *ArgumentError about "LastN".
func LastN(n int) LogprobsOption {
	return func(r *SampleRequest) {
		if n == 0 {
			n = lastZero
		}
		r.PromptLogprobsLastN = n
	}
}

// lastZero is what LastN(0) leaves in a request, where zero means all.
const lastZero = math.MinInt

// numSamples is how many samples the request asks for.
func (r *SampleRequest) numSamples() int {
	if r.NumSamples == 0 {
		return 1
	}
	return r.NumSamples
}

// check refuses, with an *ArgumentError, what no server could make sense of.
// Limits that are a server's own are left to it.
func (r *SampleRequest) check() error {
	for _, f := range []struct {
		name  string
		value int
	}{
		{"NumSamples", r.NumSamples}, {"Params.MaxTokens", r.Params.MaxTokens},
		{"TopKPromptLogprobs", r.TopKPromptLogprobs}, {"TopKSampleLogprobs", r.TopKSampleLogprobs},
		{"PromptAltTokensK", r.PromptAltTokensK},
	} {
		if f.value < 0 {
			return &ArgumentError{f.name, f.value, "0 or more"}
		}
	}
	if err := r.Prompt.check(); err != nil {
		return err
	}
	if err := r.checkLastN(); err != nil {
		return err
	}
	if err := r.Params.check(); err != nil {
		return err
	}
	if t := r.TargetPromptLogprobs; t != nil {
		return t.check(r.Prompt.Len(), r.Prompt.exact())
	}
	return nil
}

func (r *SampleRequest) checkLastN() error {
	const field = "PromptLogprobsLastN"
	n, prompt := r.PromptLogprobsLastN, r.Prompt.Len()
	switch {
	case n == 0:
		return nil
	case n == lastZero:
		return &ArgumentError{field, 0, "1 or more"}
	case n < 0:
		return &ArgumentError{field, n, "1 or more"}
	case !r.PromptLogprobs:
		return &ArgumentError{field, n, "0 unless PromptLogprobs is set"}
	case !r.Prompt.exact() || n < prompt:
		return nil
	case prompt < 2: // what begins a prompt has no log probability
		return &ArgumentError{field, n, "left out for a prompt of fewer than 2 tokens"}
	}
	return &ArgumentError{field, n, fmt.Sprintf("between 1 and %d, one less than the prompt's tokens", prompt-1)}
}

func (p *SamplingParams) check() error {
	if t := p.Temperature; t != nil && !(*t >= 0 && *t <= math.MaxFloat64) {
		return &ArgumentError{"Params.Temperature", *t, "0 or more, and finite"}
	}
	if p.TopK < -1 {
		return &ArgumentError{"Params.TopK", p.TopK, "-1 or more"}
	}
	if !(p.TopP >= 0 && p.TopP <= 1) {
		return &ArgumentError{"Params.TopP", p.TopP, "between 0 and 1"}
	}
	if !(p.MinP >= 0 && p.MinP <= 1) {
		return &ArgumentError{"Params.MinP", p.MinP, "between 0 and 1"}
	}
	return p.Stop.check()
}

func (s *Stop) check() error {
	for i, text := range s.texts {
		if text == "" || !utf8.ValidString(text) {
			return &ArgumentError{fmt.Sprintf("Params.Stop.Strings[%d]", i), text, "text in UTF-8 that is not empty"}
		}
	}
	for i, id := range s.tokens {
		if id < 0 {
			return &ArgumentError{fmt.Sprintf("Params.Stop.Tokens[%d]", i), id, "0 or more"}
		}
	}
	return nil
}

func (t *TargetTokens) check(prompt int, exact bool) error {
	if exact && len(t.Rows) != max(prompt-1, 0) {
		return &ArgumentError{"the number of TargetPromptLogprobs.Rows", len(t.Rows),
			fmt.Sprintf("%d, one less than the prompt's tokens", max(prompt-1, 0))}
	}
	for i, row := range t.Rows {
		for j, id := range row {
			if id < -1 {
				return &ArgumentError{fmt.Sprintf("TargetPromptLogprobs.Rows[%d][%d]", i, j), id, "-1 or more"}
			}
		}
	}
	return nil
}
