// Command generate continues a sentence, with a model of the server that
// TINKER_BASE_URL and TINKER_API_KEY name. Python: examples/generate.py.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"tinsmith.example/tinker"
)

func main() {
	model := "Qwen/Qwen3-8B"
	if len(os.Args) > 1 {
		model = os.Args[1]
	}
	if err := generate(context.Background(), model); err != nil {
		log.Fatal(err)
	}
}

func generate(ctx context.Context, model string) (err error) {
	service, err := tinker.NewServiceClient()
	if err != nil {
		return err
	}
	defer func() {
		if closed := service.Close(ctx); err == nil {
			err = closed
		}
	}()
	client, err := service.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: model})
	if err != nil {
		return err
	}
	tokenizer, err := client.Tokenizer(ctx)
	if err != nil {
		return err
	}
	future := client.SampleAsync(ctx, &tinker.SampleRequest{
		Prompt:     tinker.FromTokens(tokenizer.Encode("The weather today is")),
		Params:     tinker.SamplingParams{MaxTokens: 20, Temperature: new(0.7), Seed: new(int64(1))},
		NumSamples: 2,
	})
	result, err := future.Await(ctx)
	if err != nil {
		return err
	}
	for _, s := range result.Sequences {
		sum := 0.0
		for _, p := range s.Logprobs {
			sum += float64(p)
		}
		fmt.Printf("%s, %.3f:%s\n", s.StopReason, sum, tokenizer.Decode(s.Tokens))
	}
	return nil
}
