package receipt

import "tinsmith.example/internal/wire"

// Version is the version of the JSON form. It grows when a member changes its
// meaning or goes away.
const Version = 1

// MaxBytes is the most bytes that Parse takes.
const MaxBytes = 64 << 20

// A Receipt is an answer with all that it depends on.
type Receipt struct {
	// Arithmetic is the version of the arithmetic: 1 or more. Within a version
	// an answer never changes.
	Arithmetic int
	Model      File
	Adapter    *File // nil: none

	// Request is what was asked, as the server understood it: every default
	// written out, max_tokens too, the prompt in one chunk if it is text, and
	// nothing that says who asked, or when. The seed stands beside it.
	Request *wire.SampleRequest
	// Seed is the one that was used, given or drawn, as the API takes it.
	Seed int64

	// Result is the answer. PromptCacheHitTokens is not a part of it: it depends
	// on what ran before.
	Result *wire.SampleResponse
}

// A File is a file of weights.
type File struct {
	Name   string `json:"name"`   // what the server calls it: for people, compared with nothing
	SHA256 string `json:"sha256"` // of its bytes, in lower-case hexadecimal
}

// Counts returns how many tokens were sampled, and how many log probabilities
// the answer has in all its lists together; those that were not computed do not
// count.
func (r *Receipt) Counts() (tokens, logprobs int) {
	for i := range r.Result.Sequences {
		s := &r.Result.Sequences[i]
		tokens += len(s.Tokens)
		logprobs += count(s.Logprobs) + cells(s.TopK)
	}
	logprobs += count(r.Result.PromptLogprobs) + cells(r.Result.TopKPromptLogprobs)
	if t := r.Result.TargetPromptLogprobs; t != nil {
		logprobs += count(t.Floats)
	}
	if a := r.Result.PromptAltTokens; a != nil {
		logprobs += count(a.Logprobs.Floats)
	}
	return tokens, logprobs
}

func count(list []float32) int {
	n := 0
	for _, f := range list {
		if f == f { // not NaN
			n++
		}
	}
	return n
}

func cells(t *wire.TopK) int {
	if t == nil {
		return 0
	}
	n := 0
	for _, row := range t.Rows {
		n += len(row)
	}
	return n
}
