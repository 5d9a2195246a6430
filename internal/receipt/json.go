package receipt

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tinsmith.example/internal/wire"
)

// The JSON form. docs/receipts.md describes it.
type (
	document struct {
		Version    int                 `json:"version"`
		Arithmetic int                 `json:"arithmetic"`
		Model      File                `json:"model"`
		Adapter    *File               `json:"adapter"`
		Seed       string              `json:"seed"`
		Request    *wire.SampleRequest `json:"request"`
		Result     *result             `json:"result"`
	}
	result struct {
		Sequences            sequences        `json:"sequences"`
		PromptLogprobs       bits             `json:"prompt_logprobs,omitzero"`
		TopKPromptLogprobs   table            `json:"topk_prompt_logprobs,omitzero"`
		TargetPromptLogprobs *tensor          `json:"target_prompt_logprobs,omitzero"`
		PromptAltTokens      *promptAltTokens `json:"prompt_alt_tokens,omitzero"`
	}
	sequence struct {
		StopReason   wire.StopReason `json:"stop_reason"`
		Tokens       wire.Tokens     `json:"tokens"`
		Logprobs     bits            `json:"logprobs"`
		TopKLogprobs table           `json:"topk_logprobs,omitzero"`
	}
	sequences       []sequence
	promptAltTokens struct {
		Tokens   *tensor `json:"tokens"`
		Logprobs *tensor `json:"logprobs"`
	}
)

// maxSequences is more than any server samples at once. Without it, a small file
// could ask for much memory: nothing else in a receipt takes more than some
// bytes for every byte of the file.
const maxSequences = 1 << 14

// UnmarshalJSONFrom reads a list, and not one of any length.
func (l *sequences) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	return eachEntry(dec, "a list of sequences", func() error {
		if len(*l) == maxSequences {
			return fmt.Errorf("has more than %d entries", maxSequences)
		}
		var s sequence
		err := json.UnmarshalDecode(dec, &s)
		*l = append(*l, s)
		return err
	})
}

// A FormatError says where a receipt is not what it should be.
type FormatError struct {
	Path string // the member, such as "request.sampling_params.top_p"; "" is the whole receipt
	Err  error  // what is wrong there
}

func (e *FormatError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("the receipt: %v", e.Err)
	}
	return fmt.Sprintf("the receipt's %s: %v", e.Path, e.Err)
}

func (e *FormatError) Unwrap() error { return e.Err }

// A VersionError is a receipt of another version than [Version].
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the receipt has version %d, and only version %d is known here", e.Version, Version)
}

// errNoReceipt is why JSON is not taken for a receipt.
var errNoReceipt = errors.New("not a receipt")

// Encode returns r as JSON on one line, with a newline. Equal receipts give equal bytes.
func (r *Receipt) Encode() ([]byte, error) {
	out := &document{
		Version: Version, Arithmetic: r.Arithmetic, Model: r.Model, Adapter: r.Adapter,
		Seed: strconv.FormatInt(r.Seed, 10), Request: r.Request, Result: resultOf(r.Result),
	}
	b, err := wire.Encode(out)
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return append(b, '\n'), nil
}

func resultOf(r *wire.SampleResponse) *result {
	out := &result{
		Sequences:            make([]sequence, len(r.Sequences)),
		PromptLogprobs:       r.PromptLogprobs,
		TopKPromptLogprobs:   tableOf(r.TopKPromptLogprobs),
		TargetPromptLogprobs: tensorOf(r.TargetPromptLogprobs),
	}
	for i, s := range r.Sequences {
		out.Sequences[i] = sequence{StopReason: s.StopReason, Tokens: s.Tokens, Logprobs: s.Logprobs, TopKLogprobs: tableOf(s.TopK)}
	}
	if a := r.PromptAltTokens; a != nil {
		out.PromptAltTokens = &promptAltTokens{tensorOf(a.Tokens), tensorOf(a.Logprobs)}
	}
	return out
}

func tableOf(t *wire.TopK) table {
	if t == nil {
		return nil
	}
	return t.Rows
}

// Parse reads the JSON form. It believes nothing: members that it does not know
// are refused by name, and so is everything that no server writes into a
// receipt. Whether the numbers are right only a replay can say. Errors are
// *[VersionError] and *[FormatError].
func Parse(data []byte) (*Receipt, error) {
	if len(data) > MaxBytes {
		return nil, errorAt("", "%w: it has %d bytes, more than %d", errNoReceipt, len(data), MaxBytes)
	}
	var head struct {
		Version    *int `json:"version"`
		Arithmetic *int `json:"arithmetic"`
	}
	if err := wire.Decode(data, &head); err != nil {
		return nil, fromWire(err)
	}
	if head.Version == nil || head.Arithmetic == nil {
		return nil, errorAt("", "%w: it has no version and arithmetic", errNoReceipt)
	}
	if *head.Version != Version {
		return nil, &VersionError{*head.Version}
	}
	var in document
	if err := wire.DecodeStrict(data, &in); err != nil {
		return nil, fromWire(err)
	}
	return in.receipt()
}

// receipt checks the document and makes a receipt of it.
func (d *document) receipt() (*Receipt, error) {
	if d.Arithmetic < 1 {
		return nil, errorAt("arithmetic", "is %d, want 1 or more", d.Arithmetic)
	}
	if err := d.Model.check("model"); err != nil {
		return nil, err
	}
	if d.Adapter != nil {
		if err := d.Adapter.check("adapter"); err != nil {
			return nil, err
		}
	}
	seed, err := strconv.ParseInt(d.Seed, 10, 64)
	if err != nil || strconv.FormatInt(seed, 10) != d.Seed {
		return nil, errorAt("seed", "is %.40q, want the decimal digits of a 64-bit integer", d.Seed)
	}
	if err := checkRequest(d.Request); err != nil {
		return nil, err
	}
	if d.Result == nil {
		return nil, errorAt("result", "is missing")
	}
	answer, err := d.Result.wire(d.Request)
	if err != nil {
		return nil, err
	}
	return &Receipt{
		Arithmetic: d.Arithmetic, Model: d.Model, Adapter: d.Adapter, Seed: seed, Request: d.Request, Result: answer,
	}, nil
}

func (f *File) check(path string) error {
	if len(f.SHA256) != 64 || !lowerHex(f.SHA256) {
		return errorAt(path+".sha256", "is %.70q, want 64 lower-case hexadecimal digits", f.SHA256)
	}
	return nil
}

// checkRequest refuses a request that leaves something to a default, or that
// has what belongs to one call and not to the answer.
func checkRequest(r *wire.SampleRequest) error {
	if r == nil {
		return errorAt("request", "is missing")
	}
	p := &r.SamplingParams
	for name := range r.Unknown { // which a request keeps, and a receipt refuses
		return errorAt("request."+name, "is no member of it")
	}
	for name := range p.Unknown {
		return errorAt("request.sampling_params."+name, "is no member of it")
	}
	for _, m := range []struct {
		name        string
		there, want bool
	}{
		{"sampling_session_id", r.SamplingSessionID != "", false}, {"seq_id", r.SeqID != nil, false},
		{"base_model", r.BaseModel != "", false}, {"model_path", r.ModelPath != "", false},
		{"type", r.Type != "", false}, {"record_stability_info", r.RecordStabilityInfo, false},
		{"sampling_params.seed", p.Seed != nil, false},
		{"num_samples", r.NumSamples != nil, true}, {"prompt", len(r.Prompt.Chunks) > 0, true},
		{"sampling_params.max_tokens", p.MaxTokens != nil, true}, {"sampling_params.temperature", p.Temperature != nil, true},
		{"sampling_params.top_k", p.TopK != nil, true}, {"sampling_params.top_p", p.TopP != nil, true},
		{"sampling_params.min_p", p.MinP != nil && *p.MinP == 0, false},
	} {
		switch {
		case m.there && !m.want:
			return errorAt("request."+m.name, "does not belong into a receipt")
		case !m.there && m.want:
			return errorAt("request."+m.name, "is missing")
		}
	}
	return nil
}

// wire returns the answer, and refuses one in itself inconsistent, or with
// tables that the request does not ask for.
func (r *result) wire(asked *wire.SampleRequest) (*wire.SampleResponse, error) {
	out := &wire.SampleResponse{Sequences: make([]wire.Sequence, len(r.Sequences)), PromptLogprobs: r.PromptLogprobs}
	var err error
	for i := range r.Sequences {
		if out.Sequences[i], err = r.Sequences[i].wire(asked.TopKSampleLogprobs); err != nil {
			return nil, within(fmt.Sprintf("result.sequences[%d]", i), err)
		}
	}
	if out.TopKPromptLogprobs, err = r.TopKPromptLogprobs.wire(asked.TopKPromptLogprobs); err != nil {
		return nil, within("result.topk_prompt_logprobs", err)
	}
	if out.TargetPromptLogprobs, err = r.TargetPromptLogprobs.wire(wire.Float32); err != nil {
		return nil, within("result.target_prompt_logprobs", err)
	}
	if a := r.PromptAltTokens; a != nil {
		if a.Tokens == nil || a.Logprobs == nil {
			return nil, errorAt("result.prompt_alt_tokens", "want tokens and logprobs")
		}
		out.PromptAltTokens = &wire.PromptAltTokens{}
		if out.PromptAltTokens.Tokens, err = a.Tokens.wire(wire.Int64); err != nil {
			return nil, within("result.prompt_alt_tokens.tokens", err)
		}
		if out.PromptAltTokens.Logprobs, err = a.Logprobs.wire(wire.Float32); err != nil {
			return nil, within("result.prompt_alt_tokens.logprobs", err)
		}
	}
	return out, nil
}

func (s *sequence) wire(k int) (out wire.Sequence, err error) {
	if s.StopReason != wire.StopReasonStop && s.StopReason != wire.StopReasonLength {
		return out, errorAt("stop_reason", "is %.40q, want %q or %q", s.StopReason, wire.StopReasonStop, wire.StopReasonLength)
	}
	if len(s.Tokens) != len(s.Logprobs) {
		return out, errorAt("", "has %d tokens and %d log probabilities", len(s.Tokens), len(s.Logprobs))
	}
	out = wire.Sequence{StopReason: s.StopReason, Tokens: s.Tokens, Logprobs: s.Logprobs}
	if out.TopK, err = s.TopKLogprobs.wire(k); err != nil {
		return out, within("topk_logprobs", err)
	}
	return out, nil
}

func (t table) wire(k int) (*wire.TopK, error) {
	if t == nil {
		return nil, nil
	}
	if k < 1 {
		return nil, errorAt("", "is there, and the request does not ask for it")
	}
	return &wire.TopK{K: k, Rows: t}, nil
}

func errorAt(path, format string, args ...any) error {
	return &FormatError{path, fmt.Errorf(format, args...)}
}

// within puts a path before that of an error inside it.
func within(path string, err error) error {
	inner, ok := errors.AsType[*FormatError](err)
	if !ok {
		return &FormatError{path, err}
	}
	if inner.Path != "" {
		path += "." + inner.Path
	}
	return &FormatError{path, inner.Err}
}

// fromWire says in this package's terms what is wrong with the JSON.
func fromWire(err error) error {
	if e, ok := errors.AsType[*wire.FormatError](err); ok {
		return errorAt(e.Path, "%w (at byte %d)", e.Err, e.Offset)
	}
	return errorAt("", "%w", err)
}
