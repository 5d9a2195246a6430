package engine

// A Request asks for samples of one prompt, for log probabilities of the
// prompt itself, or for both. The engine does not change it, and nobody may
// change it before Sample has returned.
type Request struct {
	// Prompt is the prompt's token ids: at least one, each within the
	// vocabulary, and together with MaxTokens within the context length.
	Prompt []int32

	// NumSamples is how many sequences to draw: 1 to MaxNumSamples.
	NumSamples int

	// MaxTokens is the most tokens each sequence may get. 0 means what the
	// context has left after the prompt, or the KV cache if that holds less.
	MaxTokens int

	// Temperature divides the logits before the filters: finite and >= 0.
	// 0 is greedy (the likeliest id, the lower one of equals).
	Temperature float64

	// TopK keeps the TopK likeliest ids. 0 keeps all.
	TopK int

	// TopP keeps the smallest set of likeliest ids whose probabilities
	// reach TopP: 0 < TopP <= 1.
	TopP float64

	// MinP drops, after TopK and TopP, the ids whose probability is below MinP
	// times that of the likeliest one: 0 <= MinP <= 1. 0 drops none.
	MinP float64

	// Seed makes the samples reproducible: the token at a position is a
	// function of (seed, sample index, position) and the distribution. nil
	// lets the engine draw one; Result.Seed says which was used.
	Seed *uint64

	Stop Stop

	// PromptLogprobs asks for the log probability of every prompt token.
	PromptLogprobs bool

	// PromptLogprobsLastN leaves, of PromptLogprobs and TopKPromptLogprobs,
	// those of the last so many prompt tokens; the others are not computed.
	// 0: all. Else 1 to one less than the prompt's tokens, and PromptLogprobs
	// must be set.
	PromptLogprobsLastN int

	// TopKPromptLogprobs and TopKSampleLogprobs ask for that many of the
	// likeliest ids at every prompt position and every sampled position:
	// 0 (off) to MaxTopKLogprobs.
	TopKPromptLogprobs int
	TopKSampleLogprobs int

	// TargetPromptTokens asks for log probabilities of any ids at prompt
	// positions: row i is about position i+1, so that there is one row less
	// than prompt tokens; rows may differ in length. -1 asks nothing. nil: off.
	TargetPromptTokens [][]int32

	// PromptAltTokensK asks for so many ids at every prompt position but the
	// first, drawn independently from the model's distribution there, at
	// Temperature and without TopK and TopP, by the stream of numbers that
	// docs/sampling.md names: 0 (off) to MaxTopKLogprobs.
	PromptAltTokensK int

	// Session is who asks. Room and memory are shared fairly between sessions.
	// It changes no result.
	Session string
	// Tenant is who may profit from what the cache keeps of this request, and
	// whose this request profits from. It changes no result but
	// Result.CacheHitTokens, and how long it takes.
	Tenant string
}

// Stop says what ends a sequence besides MaxTokens. Its zero value is the
// model's own end-of-sequence ids. What completes a stop stays in the sequence.
type Stop struct {
	Tokens    []int32  // ids that end the sequence, beside end of sequence
	Strings   []string // texts that end it, wherever in a token they end
	IgnoreEOS bool     // the model's own end-of-sequence ids do not end it
}

// Limits of a Request.
const (
	MaxNumSamples   = 1024
	MaxTopKLogprobs = 128
	MaxSampledTopK  = 1 << 24 // NumSamples * MaxTokens * TopKSampleLogprobs
	MaxTargets      = 1 << 22 // of TargetPromptTokens, those that ask nothing included
	MaxStops        = 64      // stop tokens and stop strings, each
	MaxStopBytes    = 1024
)
