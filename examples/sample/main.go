// Command sample is the Go program of the README: four continuations of a
// sentence, each with the log probabilities of its tokens.
package main

import (
	"context"
	"fmt"

	"tinsmith.example/local"
	"tinsmith.example/tinker"
)

func main() {
	ctx := context.Background()
	server := must(local.Start(ctx, local.Options{}))
	defer server.Close(ctx)
	client := must(server.Client().CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: server.BaseModel()}))
	tokenizer := must(client.Tokenizer(ctx))
	seed := int64(1)
	result := must(client.Sample(ctx, &tinker.SampleRequest{
		Prompt:     tinker.FromTokens(tokenizer.Encode("The weather today is")),
		NumSamples: 4,
		Params:     tinker.SamplingParams{MaxTokens: 16, Seed: &seed},
	}))
	for _, s := range result.Sequences {
		fmt.Printf("%q %.2f\n", tokenizer.Decode(s.Tokens), s.Logprobs)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
