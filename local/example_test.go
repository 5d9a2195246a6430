package local_test

import (
	"context"
	"fmt"
	"log"
	"slices"

	"tinsmith.example/local"
	"tinsmith.example/tinker"
)

// A whole server for the time of a test, with a model that is made on the spot.
func ExampleStart() {
	ctx := context.Background()
	s, err := local.Start(ctx, local.Options{TinyModel: true})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close(ctx)

	sampler, err := s.Client().CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: s.BaseModel()})
	if err != nil {
		log.Fatal(err)
	}
	answer, err := sampler.Sample(ctx, &tinker.SampleRequest{
		Prompt:     tinker.FromTokens([]int32{5, 6, 7}),
		NumSamples: 2,
		Params:     tinker.SamplingParams{MaxTokens: 4, Stop: tinker.NoStop()},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, q := range answer.Sequences {
		fmt.Println(len(q.Tokens), len(q.Logprobs))
	}
	// Output:
	// 4 4
	// 4 4
}

// An answer with its receipt, which says how to get the same answer again. The
// program would write receipt.JSON() to a file, for tinsmith verify.
func Example_receipt() {
	ctx := context.Background()
	s, err := local.Start(ctx, local.Options{TinyModel: true})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close(ctx)
	sampler, err := s.Client().CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: s.BaseModel()})
	if err != nil {
		log.Fatal(err)
	}
	request := &tinker.SampleRequest{Prompt: tinker.FromTokens([]int32{5, 6, 7}), Params: tinker.SamplingParams{MaxTokens: 8}}
	answer, err := sampler.Sample(ctx, request)
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := sampler.Receipt(ctx, answer)
	if err != nil {
		log.Fatal(err)
	}
	request.Params.Seed = &receipt.Seed // which the server drew
	again, err := sampler.Sample(ctx, request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(slices.Equal(answer.Sequences[0].Logprobs, again.Sequences[0].Logprobs))
	// Output: true
}
