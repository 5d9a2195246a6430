// Command logprobs prints how probable each token of a sentence is, to a model
// of the server that TINKER_BASE_URL and TINKER_API_KEY name. Python:
// examples/logprobs.py.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"

	"tinsmith.example/tinker"
)

func main() {
	model := "Qwen/Qwen3-8B"
	if len(os.Args) > 1 {
		model = os.Args[1]
	}
	if err := score(context.Background(), model); err != nil {
		log.Fatal(err)
	}
}

func score(ctx context.Context, model string) (err error) {
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
	tokens := tokenizer.Encode("The capital of France is Paris.")
	logprobs, err := client.ComputeLogprobs(ctx, tinker.FromTokens(tokens))
	if err != nil {
		return err
	}
	for i, p := range logprobs {
		if !math.IsNaN(float64(p)) { // the first token has none
			fmt.Printf("%9.4f%s\n", p, tokenizer.Decode(tokens[i:i+1]))
		}
	}
	return nil
}
