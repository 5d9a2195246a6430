package local_test

import (
	"context"
	"fmt"
	"log"

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
