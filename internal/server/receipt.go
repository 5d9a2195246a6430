package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/receipt"
	"tinsmith.example/internal/wire"
)

// An Identifier is a Backend that knows what its answers depend on besides the
// request. Without it there are no receipts. *engine.Engine is one.
type Identifier interface {
	// Identity may take a moment when it is first called. When ctx ends it
	// should return soon. It may be called by many goroutines at once.
	Identity(ctx context.Context) (engine.Identity, error)
}

// maxReceiptBytes bounds the request and answer of which a receipt is made, as
// they are kept. The receipt's JSON has up to three times as many: a log
// probability of 4 bytes is 11 there.
const maxReceiptBytes = receipt.MaxBytes / 3

// getReceipt answers with the receipt of a sample that is done and whose result
// is kept: 410 if it is not known, or no longer; 425 if it is not done; 422 if it
// failed, or nobody knows any more what it came from; 404 if its model's backend
// cannot say what it depends on, and only then, since that is what servers without
// receipts answer.
func (s *Server) getReceipt(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("request_id")
	f, err := s.registry.find(id)
	if err != nil {
		if refused, ok := errors.AsType[*statusError](err); ok {
			return refuse(wire.StatusGone, "%s", refused.detail)
		}
		return err
	}
	select {
	case <-f.done:
	default:
		return refuse(http.StatusTooEarly, "request_id %q is not done: fetch its result first", id)
	}
	if f.answer.failure != nil {
		return refuse(http.StatusUnprocessableEntity, "request_id %q failed, so that there is no receipt: %s", id, f.answer.failure.Error)
	}
	if size := f.size(); size > maxReceiptBytes {
		return refuse(http.StatusRequestEntityTooLarge, "request_id %q has %d bytes of request and result; receipts are made of up to %d", id, size, maxReceiptBytes)
	}
	release, err := s.largeAnswer(r, plainFactor*f.size())
	if err != nil {
		return nil // nobody is there
	}
	defer release()
	made, err := f.sampler.model.receipt(r.Context(), f.job.asked, &f.answer)
	if err != nil {
		return err
	}
	body, err := made.Encode()
	if err != nil {
		return err
	}
	write(w, http.StatusOK, wire.MediaJSON, body)
	return nil
}

// receipt makes the receipt of an answer to asked, which understood has made.
func (m *model) receipt(ctx context.Context, asked *wire.SampleRequest, a *answer) (*receipt.Receipt, error) {
	backend, ok := m.Backend.(Identifier)
	if !ok {
		return nil, refuse(http.StatusNotFound, "there are no receipts for %s: its backend does not know its weights", m.Name)
	}
	id, err := backend.Identity(ctx)
	if errors.Is(err, engine.ErrClosed) {
		return nil, errShutDown()
	}
	if errors.Is(err, engine.ErrModelChanged) {
		return nil, refuse(http.StatusUnprocessableEntity, "there are no more receipts for %s: %v", m.Name, err)
	}
	if err != nil {
		return nil, err
	}
	result, err := wire.DecodeSampleResponse(a.binary)
	if err != nil {
		return nil, err
	}
	result.PromptCacheHitTokens = 0
	request := *asked
	if request.SamplingParams.MaxTokens == nil {
		request.SamplingParams.MaxTokens = new(longest(result))
	}
	return &receipt.Receipt{
		Arithmetic: id.Arithmetic,
		Model:      receipt.File{Name: m.Name, SHA256: hex.EncodeToString(id.ModelSHA256[:])},
		Request:    &request,
		Seed:       int64(a.seed), // two's complement, as in setParams
		Result:     result,
	}, nil
}

// longest is the most tokens of a sequence. A request that left max_tokens to the
// server, whose memory may have a say in it, gives the same answer with this.
func longest(r *wire.SampleResponse) int {
	n := 1
	for _, s := range r.Sequences {
		n = max(n, len(s.Tokens))
	}
	return n
}

// understood is in as r understands it, for receipts: without what names one
// call, with every default but that of max_tokens, each thing in one form. It
// shares the prompt with r.
func understood(in *wire.SampleRequest, r *engine.Request) *wire.SampleRequest {
	out := *in
	out.SamplingSessionID, out.SeqID, out.BaseModel, out.ModelPath, out.Type = "", nil, "", "", ""
	out.RecordStabilityInfo, out.Unknown = false, nil
	out.NumSamples = new(r.NumSamples)
	out.Prompt = wire.ModelInput{Chunks: []wire.Chunk{wire.TextChunk(r.Prompt)}}
	topK := r.TopK
	if topK == 0 {
		topK = -1
	}
	stop := in.SamplingParams.Stop
	if stop.Kind == wire.StopText {
		stop.Kind = wire.StopTexts
	}
	out.SamplingParams = wire.SamplingParams{
		MaxTokens: in.SamplingParams.MaxTokens, Stop: stop, Temperature: new(r.Temperature), TopK: &topK, TopP: new(r.TopP),
	}
	if r.MinP > 0 { // receipts have it only where it is on: it is not the API's
		out.SamplingParams.MinP = new(r.MinP)
	}
	return &out
}

// askedBytes is about how much memory it takes to keep what understood gives.
func askedBytes(r *wire.SampleRequest) int64 {
	if r == nil {
		return 0
	}
	n := 0
	for _, c := range r.Prompt.Chunks {
		n += 4 * len(c.Tokens)
	}
	stop := &r.SamplingParams.Stop
	for _, text := range stop.Texts {
		n += 16 + len(text)
	}
	n += 4 * len(stop.Tokens)
	if t := r.TargetPromptLogprobs; t != nil {
		n += 8 * (len(t.Ints) + len(t.Shape) + len(t.CrowIndices) + len(t.ColIndices))
	}
	return int64(n)
}

// Replay computes the answer to a receipt's request again, with its seed, and
// returns the receipt of that. What [receipt.Compare] finds between the two is
// what has changed. name is what to call the model. Errors are the backend's
// own, and those that a client would get for such a request.
func Replay(ctx context.Context, backend Backend, name string, old *receipt.Receipt) (*receipt.Receipt, error) {
	m := &model{Model: Model{Name: name, Backend: backend}, info: backend.Info()}
	in := *old.Request
	in.SamplingParams.Seed = &old.Seed
	request, err := engineRequest(&in, m)
	if err != nil {
		return nil, fmt.Errorf("the receipt's request: %w", err)
	}
	if old.Adapter != nil {
		return nil, fmt.Errorf("the receipt's adapter: %w", errors.ErrUnsupported)
	}
	if err := m.check(request); err != nil {
		return nil, fmt.Errorf("the receipt's request: %w", err)
	}
	result, err := backend.Sample(ctx, request)
	if err != nil {
		return nil, err
	}
	message, err := sampleResponse(request, in.TargetPromptLogprobs, result)
	if err != nil {
		return nil, err
	}
	a := answer{seed: result.Seed}
	if a.binary, err = message.MarshalBinary(); err != nil {
		return nil, err
	}
	return m.receipt(ctx, understood(&in, request), &a)
}
