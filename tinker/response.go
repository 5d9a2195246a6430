package tinker

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// A SampleResponse is the result of a SampleRequest. What was not asked for is
// nil.
type SampleResponse struct {
	RequestID string     // the server's name for the request
	Sequences []Sequence // the samples, in the server's order

	PromptLogprobs       Logprobs         // [prompt tokens]; NaN for the first and for those before the last n
	TopKPromptLogprobs   [][]TokenLogprob // [prompt tokens][at most k], likeliest first; nil rows were not computed
	TargetPromptLogprobs [][]float32      // the shape of TargetTokens.Rows; NaN where it asked nothing
	PromptAltTokens      [][]TokenLogprob // [prompt tokens - 1][k]; row i has the tokens drawn at prompt position i+1

	PromptCacheHitTokens int // prompt tokens that the server did not have to compute
}

// A Sequence is one sample.
type Sequence struct {
	ID         string           // the server's name for it
	Tokens     []int32          // with the token that ended it, if one did
	Logprobs   Logprobs         // [tokens]
	TopK       [][]TokenLogprob // [tokens][at most k], likeliest first; nil unless asked for
	StopReason StopReason       // why it ended
}

// A StopReason says why a sequence ended.
type StopReason string

const (
	StopReasonStop   StopReason = "stop"   // a stop token or text, or the end of sequence
	StopReasonLength StopReason = "length" // MaxTokens, or a full context
)

// A TokenLogprob is a token id with its log probability.
type TokenLogprob struct {
	Token   int32   // the id
	Logprob float32 // natural, of the model itself
}

// Logprobs are natural log probabilities, one per token: those of the model
// itself, whatever the temperature. NaN means not computed; it is null in JSON.
type Logprobs []float32

// MarshalJSON writes a list, or null for nil.
func (l Logprobs) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("null"), nil
	}
	b := []byte{'['}
	for i, p := range l {
		if i > 0 {
			b = append(b, ',')
		}
		switch d := float64(p); {
		case math.IsNaN(d):
			b = append(b, "null"...)
		case math.IsInf(d, 0):
			return nil, fmt.Errorf("tinker: log probability %d is %v, which JSON cannot say", i, p)
		default:
			b = strconv.AppendFloat(b, d, 'g', -1, 32)
		}
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *Logprobs) UnmarshalJSON(data []byte) error {
	var list []*float32
	if err := json.Unmarshal(data, &list); err != nil {
		return fmt.Errorf("tinker: log probabilities: %w", err)
	}
	if list == nil {
		*l = nil
		return nil
	}
	*l = make(Logprobs, len(list))
	for i, p := range list {
		(*l)[i] = float32(math.NaN())
		if p != nil {
			(*l)[i] = *p
		}
	}
	return nil
}
