package tinker_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"tinsmith.example/tinker"
)

// A program that samples. The server and the key usually come from TINKER_BASE_URL
// and TINKER_API_KEY; NewServiceClient then needs no options.
func Example() {
	server := exampleServer()
	defer server.Close()
	ctx := context.Background()

	svc, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-example"))
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close(ctx)
	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: "example/ab"})
	if err != nil {
		log.Fatal(err)
	}
	tok, err := client.Tokenizer(ctx)
	if err != nil {
		log.Fatal(err)
	}
	r, err := client.Sample(ctx, &tinker.SampleRequest{
		Prompt:     tinker.FromTokens(tok.Encode("ab")),
		NumSamples: 2,
		Params:     tinker.SamplingParams{MaxTokens: 3, Temperature: new(0.7), Seed: new(int64(1))},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range r.Sequences {
		fmt.Printf("%q %.2f %s\n", tok.Decode(s.Tokens), s.Logprobs, s.StopReason)
	}
	// Output:
	// "aaa" [-0.69 -0.69 -0.69] length
	// "aaa" [-0.69 -0.69 -0.69] length
}

// How probable a text is: the log probability of each token given those before
// it. The first has none.
func ExampleSamplingClient_ComputeLogprobs() {
	client, done := exampleClient()
	defer done()
	logprobs, err := client.ComputeLogprobs(context.Background(), tinker.FromTokens([]int32{0, 1, 1}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f\n", logprobs)
	// Output: [NaN -0.69 -0.69]
}

// Many prompts at once: all are under way before the first result is awaited.
func ExampleAll() {
	client, done := exampleClient()
	defer done()
	ctx := context.Background()
	var futures []*tinker.Future[*tinker.SampleResponse]
	for id := range int32(2) {
		futures = append(futures, client.SampleAsync(ctx, &tinker.SampleRequest{
			Prompt: tinker.FromTokens([]int32{id}), Params: tinker.SamplingParams{MaxTokens: 1},
		}))
	}
	responses, err := tinker.All(ctx, futures...)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(responses), responses[0].Sequences[0].Tokens)
	// Output: 2 [0]
}

// Errors have types that say what to do about them.
func ExampleArgumentError() {
	client, done := exampleClient()
	defer done()
	_, err := client.Sample(context.Background(), &tinker.SampleRequest{Params: tinker.SamplingParams{TopP: 2}})
	if wrong, ok := errors.AsType[*tinker.ArgumentError](err); ok {
		fmt.Println(wrong.Field, "must be", wrong.Limit)
	}
	// Output: Params.TopP must be between 0 and 1
}

// exampleClient samples from the example server until done is called.
func exampleClient() (client *tinker.SamplingClient, done func()) {
	server := exampleServer()
	svc, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-example"))
	if err != nil {
		log.Fatal(err)
	}
	client, err = svc.CreateSamplingClient(context.Background(), tinker.SamplingClientConfig{BaseModel: "example/ab"})
	if err != nil {
		log.Fatal(err)
	}
	return client, func() {
		svc.Close(context.Background())
		server.Close()
	}
}
