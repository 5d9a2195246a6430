package tinker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"

	"tinsmith.example/internal/receipt"
	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// ErrNoReceipts says that a server gives no receipts: it is none of tinsmith's,
// or an old one, or samples from a model whose file it does not have.
var ErrNoReceipts = errors.New("the server gives no receipts")

// A Receipt is what an answer came from, and the answer itself to the bit: a
// small JSON file, against which `tinsmith verify` holds the same answer
// computed again. docs/receipts.md describes it.
type Receipt struct {
	// Arithmetic is the version of the arithmetic that computed the answer.
	Arithmetic int
	// Model is what the server calls the model.
	Model string
	// ModelSHA256 is the hash of the model's file, in hexadecimal.
	ModelSHA256 string
	// Seed is the one that was used, also where the request had none.
	Seed int64

	json []byte
}

// JSON returns the receipt's file: one line. The caller may change it.
func (r *Receipt) JSON() []byte { return slices.Clone(r.json) }

// Receipt fetches the receipt of a response to this client's Sample. The server
// makes it as long as it keeps the result: 15 minutes, where it is tinsmith serve.
//
// Of the API only tinsmith's servers have receipts; from others the error is an
// *[APIError] that wraps [ErrNoReceipts]. A result that is not kept any more is
// an *APIError with status 410. What comes is held against the response, by
// tokens and log probabilities: what is no receipt, or one of another answer, is an
// *APIError that wraps an *[AnswerError].
func (c *SamplingClient) Receipt(ctx context.Context, r *SampleResponse) (*Receipt, error) {
	const op = "SamplingClient.Receipt"
	if r == nil || r.RequestID == "" {
		return nil, &ArgumentError{"SampleResponse.RequestID", "", "the one that Sample returned"}
	}
	if err := c.made(); err != nil {
		return nil, err
	}
	ctx, leave, err := c.session.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return watched(ctx, c.session.observers, op, c.baseModel, func(ctx context.Context) (*Receipt, error) {
		return c.fetchReceipt(ctx, op, r)
	})
}

func (c *SamplingClient) fetchReceipt(ctx context.Context, op string, r *SampleResponse) (*Receipt, error) {
	var file []byte
	err := c.session.client.Do(ctx, transport.Call{
		Op: op, Method: http.MethodGet, Path: wire.ReceiptPath(r.RequestID), Answer: &file, Policy: transport.Briefly,
	})
	if err != nil {
		return nil, noReceipts(c.session.explain(ctx, err))
	}
	read, err := receipt.Parse(file)
	if err == nil {
		err = isReceiptOf(read, r)
	}
	if err != nil {
		return nil, refusedAnswer(op, r.RequestID, err)
	}
	return &Receipt{
		Arithmetic: read.Arithmetic, Model: read.Model.Name, ModelSHA256: read.Model.SHA256, Seed: read.Seed, json: file,
	}, nil
}

// noReceipts makes what servers answer for an endpoint that they do not have the
// error that says so.
func noReceipts(err error) error {
	failed, ok := errors.AsType[*APIError](err)
	if ok && !errors.Is(err, ErrSessionGone) && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, failed.Status) {
		failed.Err = errors.Join(ErrNoReceipts, failed.Err)
	}
	return err
}

// isReceiptOf refuses a receipt of another answer.
func isReceiptOf(have *receipt.Receipt, r *SampleResponse) error {
	sequences := have.Result.Sequences
	if len(sequences) != len(r.Sequences) {
		return fmt.Errorf("the receipt has %d sequences, and the response %d", len(sequences), len(r.Sequences))
	}
	for i, s := range r.Sequences {
		if !slices.Equal(sequences[i].Tokens, s.Tokens) || !slices.EqualFunc(sequences[i].Logprobs, s.Logprobs, equalBits) {
			return fmt.Errorf("the receipt's sequences[%d] is not the response's", i)
		}
	}
	if r.PromptLogprobs != nil && !slices.EqualFunc(have.Result.PromptLogprobs, r.PromptLogprobs, equalBits) {
		return errors.New("the receipt's prompt_logprobs are not the response's")
	}
	return nil
}

func equalBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}
