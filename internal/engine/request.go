package engine

import (
	"fmt"

	"tinsmith.example/internal/engine/sample"
)

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
	// context has left after the prompt.
	MaxTokens int

	// Temperature divides the logits before the filters: finite and >= 0.
	// 0 is greedy (the likeliest id, the lower one of equals).
	Temperature float64

	// TopK keeps the TopK likeliest ids. 0 keeps all.
	TopK int

	// TopP keeps the smallest set of likeliest ids whose probabilities
	// reach TopP: 0 < TopP <= 1.
	TopP float64

	// Seed makes the samples reproducible: the token at a position is a
	// function of (seed, sample index, position) and the distribution. nil
	// lets the engine draw one; Result.Seed says which was used.
	Seed *uint64

	Stop Stop

	// PromptLogprobs asks for the log probability of every prompt token.
	PromptLogprobs bool

	// TopKPromptLogprobs and TopKSampleLogprobs ask for that many of the
	// likeliest ids at every prompt position and every sampled position:
	// 0 (off) to MaxTopKLogprobs.
	TopKPromptLogprobs int
	TopKSampleLogprobs int
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
	MaxStops        = 64 // stop tokens and stop strings, each
	MaxStopBytes    = 1024
)

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

	// CacheHitTokens is how many prompt tokens were not computed anew.
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

// Info describes a loaded model. It does not change.
type Info struct {
	Architecture  string  // "llama"
	Quantization  string  // the type of most weights, such as "Q4_1"
	Parameters    int64   // number of weights
	ContextLength int     // the most tokens that a sequence may have, prompt included
	VocabSize     int     // token ids are 0 <= id < VocabSize
	EOS           []int32 // ids that end a sequence unless Stop.IgnoreEOS
	BOS           int32   // -1: the model has none
	Kernels       string  // the instruction set that computes: "avx512", "portable"
	KernelFault   error   // why it is not the one that was chosen; nil: it is
}

// An ArgumentError says which field of a Request cannot be honoured. Nothing
// was computed for it.
type ArgumentError struct {
	Field  string // as in Request, in the wire's spelling: "top_p", "prompt"
	Value  any
	Reason string // what is allowed, or what is wrong
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("%s = %v: %s", e.Field, e.Value, e.Reason)
}

// A NonFiniteError says that a forward pass gave NaN or infinity, which fails
// the one request it belongs to.
type NonFiniteError struct {
	Position int // in the sequence, at or before which it happened
}

func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("the model gave a non-finite value at or before position %d", e.Position)
}
