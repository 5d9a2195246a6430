package wire

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// TypeSample is the Type of a SampleRequest.
const TypeSample = "sample"

// A SampleRequest asks for samples, log probabilities of a prompt, or both. Its
// identity is (SamplingSessionID, SeqID): the same pair is the same request.
//
// Pointers and Stop are nil (zero) where the request does not say; members
// without omitzero are always written, as the official client does.
type SampleRequest struct {
	SamplingSessionID string `json:"sampling_session_id,omitzero"`
	SeqID             *int64 `json:"seq_id,omitzero"`
	BaseModel         string `json:"base_model,omitzero"` // instead of a session; official clients never send it
	ModelPath         string `json:"model_path,omitzero"` // likewise

	NumSamples     *int           `json:"num_samples,omitzero"` // nil: 1
	Prompt         ModelInput     `json:"prompt"`
	SamplingParams SamplingParams `json:"sampling_params"`

	PromptLogprobs       bool    `json:"prompt_logprobs"`
	TopKPromptLogprobs   int     `json:"topk_prompt_logprobs"`            // 0: off
	TopKSampleLogprobs   int     `json:"topk_sample_logprobs"`            // 0: off
	TargetPromptLogprobs *Tensor `json:"target_prompt_logprobs,omitzero"` // int64 [prompt-1, K]; -1 asks nothing
	PromptAltTokensK     int     `json:"prompt_alt_tokens_k"`             // 0: off
	PromptLogprobsLastN  *int    `json:"prompt_logprobs_last_n,omitzero"` // nil: all
	RecordStabilityInfo  bool    `json:"record_stability_info"`
	Type                 string  `json:"type,omitzero"`

	// Unknown has the members that this version does not know, as they came.
	Unknown map[string]jsontext.Value `json:",embed"`
}

// SamplingParams say how tokens are drawn. A nil pointer means the default.
type SamplingParams struct {
	MaxTokens   *int     `json:"max_tokens,omitzero"` // nil: what the context leaves
	Seed        *int64   `json:"seed,omitzero"`
	Stop        Stop     `json:"stop,omitzero"`
	Temperature *float64 `json:"temperature,omitzero"` // nil: 1; 0: greedy
	TopK        *int     `json:"top_k,omitzero"`       // nil and -1: no limit
	TopP        *float64 `json:"top_p,omitzero"`       // nil: 1
	// MinP drops what is less likely than MinP times the likeliest token. nil
	// and 0: nothing. It is Tinsmith's own: official clients have no such field.
	MinP *float64 `json:"min_p,omitzero"`

	// Unknown has the members that this version does not know, as they came.
	Unknown map[string]jsontext.Value `json:",embed"`
}

// UnknownSet returns the names of members that this version does not know and
// that ask for something, sorted: sampling parameters as "sampling_params.logit_bias",
// others by their name. A member asks for nothing if it is null, false, 0, or an
// empty text, list or object: clients write out the defaults of members that
// they know and we do not.
func (r *SampleRequest) UnknownSet() []string {
	var names []string
	for name, value := range r.Unknown {
		if asks(value) {
			names = append(names, name)
		}
	}
	for name, value := range r.SamplingParams.Unknown {
		if asks(value) {
			names = append(names, "sampling_params."+name)
		}
	}
	slices.Sort(names)
	return names
}

// asks reports whether value is other than null, false, zero or empty.
func asks(value jsontext.Value) bool {
	value = bytes.TrimSpace(value)
	switch value.Kind() {
	case 'n', 'f':
		return false
	case '"':
		return len(value) > len(`""`)
	case '0':
		return bytes.ContainsAny(bytes.SplitN(bytes.ToLower(value), []byte("e"), 2)[0], "123456789")
	case '{', '[':
		return len(bytes.TrimSpace(value[1:len(value)-1])) > 0
	}
	return true
}

// A Promise is the answer to a request that runs on its own: the name under
// which retrieve_future gives the result. A sampling request's promise has one
// sequence id per sample.
type Promise struct {
	RequestID         string   `json:"request_id"`
	ModelID           string   `json:"model_id,omitzero"`
	SampleSequenceIDs []string `json:"sample_sequence_ids,omitzero"`
}
