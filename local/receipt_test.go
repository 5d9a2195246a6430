package local_test

import (
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/local"
)

// TestReceiptsFromTheSDK: a response's receipt comes from a server whose model's
// file has no name any more, and says what the response does not.
func TestReceiptsFromTheSDK(t *testing.T) {
	c := sampler(t, start(t, local.Options{}))
	r := request(7)
	r.Params.Seed, r.TopKPromptLogprobs, r.TopKSampleLogprobs, r.PromptLogprobs = nil, 2, 3, true
	response, err := c.Sample(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Receipt(t.Context(), response)
	if err != nil {
		t.Fatal(err)
	}
	if got.Arithmetic != engine.ArithmeticVersion || got.Model != tinymodel.Name || len(got.ModelSHA256) != 64 || got.Seed == 0 {
		t.Errorf("the receipt says %d, %q, %q, %d", got.Arithmetic, got.Model, got.ModelSHA256, got.Seed)
	}
	r.Params.Seed = &got.Seed
	again, err := c.Sample(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	again.RequestID = response.RequestID
	if _, err := c.Receipt(t.Context(), again); err != nil {
		t.Errorf("the same request with the seed of its receipt: %v", err)
	}
}
