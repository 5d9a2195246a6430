package wire

import (
	"bytes"
	"strconv"
)

// EncodeSampleRequest is [Encode] for a request, by hand where a request has only what
// almost all have: reflection took a tenth of all that a client computes for a sample.
// The tokens of the prompt, which are most of it, are written straight to where they
// belong.
func EncodeSampleRequest(r *SampleRequest) ([]byte, error) {
	size := 0 // of the chunks, or a little more
	for _, c := range r.Prompt.Chunks {
		if c.Type != ChunkText {
			return Encode(r)
		}
		size += len(`{"tokens":[],"type":""},`) + len(ChunkText) + c.Tokens.textSize()
	}
	if !r.plain() {
		return r.encodeAround(size)
	}
	b := make([]byte, 0, 512+len(r.SamplingSessionID)+len(r.BaseModel)+len(r.ModelPath)+size)
	b = append(b, '{')
	b = appendText(b, "sampling_session_id", r.SamplingSessionID)
	b = appendInteger(b, "seq_id", r.SeqID)
	b = appendText(b, "base_model", r.BaseModel)
	b = appendText(b, "model_path", r.ModelPath)
	b = appendInteger(b, "num_samples", r.NumSamples)
	b = append(b, `"prompt":`...)
	b = appendTextChunks(b, r.Prompt.Chunks)
	b = append(b, `,"sampling_params":{`...)
	p := &r.SamplingParams
	b = appendInteger(b, "max_tokens", p.MaxTokens)
	b = appendInteger(b, "seed", p.Seed)
	switch p.Stop.Kind {
	case StopTokens:
		b = append(Tokens(p.Stop.Tokens).appendJSON(appendName(b, "stop")), ',')
	case StopNever:
		b = append(b, `"stop":[],`...)
	}
	b = appendNumber(b, "temperature", p.Temperature)
	b = appendInteger(b, "top_k", p.TopK)
	b = appendNumber(b, "top_p", p.TopP)
	b = appendNumber(b, "min_p", p.MinP)
	b = append(bytes.TrimSuffix(b, comma), `},"prompt_logprobs":`...)
	b = strconv.AppendBool(b, r.PromptLogprobs)
	b = append(b, `,"topk_prompt_logprobs":`...)
	b = strconv.AppendInt(b, int64(r.TopKPromptLogprobs), 10)
	b = append(b, `,"topk_sample_logprobs":`...)
	b = strconv.AppendInt(b, int64(r.TopKSampleLogprobs), 10)
	b = append(b, `,"prompt_alt_tokens_k":`...)
	b = strconv.AppendInt(b, int64(r.PromptAltTokensK), 10)
	b = append(b, ',')
	b = appendInteger(b, "prompt_logprobs_last_n", r.PromptLogprobsLastN)
	b = append(b, `"record_stability_info":`...)
	b = strconv.AppendBool(b, r.RecordStabilityInfo)
	b = append(b, ',')
	b = appendText(b, "type", r.Type)
	return append(bytes.TrimSuffix(b, comma), '}'), nil
}

var comma = []byte{','}

// plain says whether r has nothing that is not written by hand.
func (r *SampleRequest) plain() bool {
	p := &r.SamplingParams
	switch p.Stop.Kind {
	case StopDefault, StopTokens, StopNever:
	default:
		return false
	}
	return r.TargetPromptLogprobs == nil && len(r.Unknown) == 0 && len(p.Unknown) == 0 &&
		short(p.Temperature) && short(p.TopP) && short(p.MinP) &&
		verbatim(r.SamplingSessionID) && verbatim(r.BaseModel) && verbatim(r.ModelPath) && verbatim(r.Type)
}

// short says whether JSON writes a number without an exponent, and at all.
func short(x *float64) bool { return x == nil || *x == 0 && 1 / *x > 0 || *x >= 1e-6 && *x < 1e21 }

// verbatim says whether JSON writes a text as it is.
func verbatim(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// These append a member and a comma, unless there is nothing to say.

func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(appendName(b, name), '"'), value...)
	return append(b, `",`...)
}

func appendInteger[T int | int64](b []byte, name string, value *T) []byte {
	if value == nil {
		return b
	}
	return append(strconv.AppendInt(appendName(b, name), int64(*value), 10), ',')
}

func appendNumber(b []byte, name string, value *float64) []byte {
	if value == nil {
		return b
	}
	return append(strconv.AppendFloat(appendName(b, name), *value, 'f', -1, 64), ',')
}

func appendName(b []byte, name string) []byte {
	return append(append(append(b, '"'), name...), `":`...)
}

func appendTextChunks(b []byte, chunks []Chunk) []byte {
	b = append(b, `{"chunks":[`...)
	for i, c := range chunks {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"tokens":`...)
		b = c.Tokens.appendJSON(b)
		b = append(b, `,"type":"`+ChunkText+`"}`...)
	}
	return append(b, `]}`...)
}

// encodeAround writes all but the prompt as [Encode] does; size is about the
// prompt's.
func (r *SampleRequest) encodeAround(size int) ([]byte, error) {
	rest := *r
	rest.Prompt = ModelInput{}
	around, err := Encode(&rest)
	if err != nil {
		return nil, err
	}
	// Nothing before the prompt can look like it: in texts, quotes are escaped.
	before, after, _ := bytes.Cut(around, emptyPrompt)
	b := make([]byte, 0, len(around)+size)
	b = append(b, before...)
	b = append(b, `"prompt":`...)
	b = appendTextChunks(b, r.Prompt.Chunks)
	return append(b, after...), nil
}

var emptyPrompt = []byte(`"prompt":{"chunks":[]}`)
