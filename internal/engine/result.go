package engine

import "tinsmith.example/internal/engine/sample"

// A Result is the answer to a Request.
type Result struct {
	Sequences []Sequence // NumSamples of them, by sample index
	Seed      uint64     // the seed that was used

	// PromptLogprobs has one value per prompt token, NaN at position 0; nil
	// when not asked for.
	PromptLogprobs []float32
	// TopKPromptLogprobs has one row per prompt token, each likeliest first
	// (of equals the lower id); row 0 is empty. nil when not asked for.
	TopKPromptLogprobs [][]TokenLogprob

	// CacheHitTokens is how many prompt tokens were not computed anew: 0, since
	// nothing is kept from one request to the next yet.
	CacheHitTokens int
}

// A Sequence is one sample.
type Sequence struct {
	Tokens   []int32
	Logprobs []float32 // the model's own, before temperature and filters
	// TopK has one row per token, likeliest first; nil when not asked for.
	TopK [][]TokenLogprob
	Stop StopReason
}

// TokenLogprob is one id with its log probability.
type TokenLogprob = sample.TokenLogprob

// StopReason says why a sequence ended.
type StopReason uint8

const (
	StopLength StopReason = iota // MaxTokens, or the end of the context
	StopStop                     // end of sequence, a stop token or a stop string
)
