package engine

import "tinsmith.example/internal/engine/sample"

// A Result is the answer to a Request.
type Result struct {
	Sequences []Sequence // NumSamples of them, by sample index
	Seed      uint64     // the seed that was used

	// PromptLogprobs has one value per prompt token, NaN at position 0 and
	// before the last n; nil when not asked for.
	PromptLogprobs []float32
	// TopKPromptLogprobs has one row per prompt token, each likeliest first
	// (of equals the lower id); row 0 is empty, and so are those before the last
	// n. nil when not asked for.
	TopKPromptLogprobs [][]TokenLogprob
	// TargetPromptLogprobs has a value per id of Request.TargetPromptTokens, 0
	// for -1; nil when not asked for.
	TargetPromptLogprobs [][]float32
	// PromptAltTokens has one row per prompt token but the first, in the order
	// in which they were drawn: row i is about position i+1. nil when not asked
	// for.
	PromptAltTokens [][]TokenLogprob

	// CacheHitTokens is how many leading prompt tokens did not go through the
	// model's layers for this request, since an earlier one or one beside it had
	// left its keys, values and hidden states. All of them, if the whole prompt
	// was there: then the output layer alone ran, once for every position whose
	// log probabilities are asked for. It is counted once, however many samples
	// there are.
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
