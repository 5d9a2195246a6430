package tinker

import (
	"errors"
	"strings"
	"testing"

	"tinsmith.example/internal/wire"
)

// plainReceipt is the receipt of the fake's plain result.
var plainReceipt = `{"version":1,"arithmetic":1,"model":{"name":"m","sha256":"` + strings.Repeat("0a", 32) + `"},"adapter":null,"seed":"-5",` +
	`"request":{"num_samples":1,"prompt":{"chunks":[{"tokens":[5],"type":"encoded_text"}]},` +
	`"sampling_params":{"max_tokens":1,"temperature":1,"top_k":-1,"top_p":1},"prompt_logprobs":false,"topk_prompt_logprobs":0,` +
	`"topk_sample_logprobs":0,"prompt_alt_tokens_k":0,"record_stability_info":false},` +
	`"result":{"sequences":[{"stop_reason":"length","tokens":[7],"logprobs":["bf000000"]}]}}`

func TestReceiptOfAResponse(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		c := f.sampling(t, SamplingClientConfig{})
		response, err := c.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{5}), Params: SamplingParams{MaxTokens: 1}})
		if err != nil {
			t.Fatal(err)
		}
		path := wire.ReceiptPath(response.RequestID)
		_, err = c.Receipt(t.Context(), response)
		if failed, ok := errors.AsType[*APIError](err); !ok || failed.Status != 404 || !errors.Is(err, ErrNoReceipts) {
			t.Errorf("a server without receipts: %v", err)
		}
		f.on(path, plainReceipt)
		got, err := c.Receipt(t.Context(), response)
		if err != nil {
			t.Fatal(err)
		}
		if got.Arithmetic != 1 || got.Model != "m" || got.ModelSHA256 != strings.Repeat("0a", 32) || got.Seed != -5 || string(got.JSON()) != plainReceipt {
			t.Errorf("got %+v", got)
		}
		if seen := f.to(path); seen[0].method != "GET" || seen[0].header.Get(wire.HeaderAPIKey) != testKey {
			t.Errorf("asked by %s", seen[0].method)
		}
		for what, file := range map[string]string{
			"is not the response's": strings.Replace(plainReceipt, "bf000000", "bf000001", 1),
			"sequences[0]":          strings.Replace(plainReceipt, `"tokens":[7]`, `"tokens":[8]`, 1),
			"version 9":             strings.Replace(plainReceipt, `"version":1`, `"version":9`, 1),
			"not a receipt":         `{}`,
		} {
			f.on(path, file)
			_, err := c.Receipt(t.Context(), response)
			if _, ok := errors.AsType[*APIError](err); !ok || !strings.Contains(err.Error(), what) || errors.Is(err, ErrNoReceipts) {
				t.Errorf("want an error about %q, got %v", what, err)
			}
			if refused, ok := errors.AsType[*AnswerError](err); !ok || !strings.Contains(refused.Reason, what) {
				t.Errorf("no *AnswerError about %q: %v", what, err)
			}
		}
		f.set(path, func(seenRequest) reply { return reply{status: 410, body: `{"detail":"not kept any more"}`} })
		_, err = c.Receipt(t.Context(), response)
		if failed, ok := errors.AsType[*APIError](err); !ok || failed.Status != 410 || errors.Is(err, ErrNoReceipts) || !strings.Contains(err.Error(), "kept") {
			t.Errorf("a result that is gone: %v", err)
		}
		for _, r := range []*SampleResponse{nil, {}} {
			if _, ok := errors.AsType[*ArgumentError](second(c.Receipt(t.Context(), r))); !ok {
				t.Errorf("%v is no *ArgumentError", r)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }
