//go:build unix

package tinker_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"tinsmith.example/tinker"
)

// A program that keeps all of its processors busy lets another process sample,
// which is this program once more. Nothing else changes, but that this process
// may die.
func ExampleWithProcessIsolation() {
	server := exampleServer()
	defer server.Close()
	ctx := context.Background()
	svc, err := tinker.NewServiceClient(
		tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-example"), tinker.WithLogger(quiet),
		tinker.WithProcessIsolation(),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close(ctx) // ends the process
	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: "example/ab"})
	if err != nil {
		log.Fatal(err)
	}
	r, err := client.Sample(ctx, &tinker.SampleRequest{
		Prompt: tinker.FromTokens([]int32{1}), Params: tinker.SamplingParams{MaxTokens: 2},
	})
	if died, ok := errors.AsType[*tinker.SidecarError](err); ok && died.Phase == tinker.SidecarRun {
		log.Fatal("nobody knows whether the server has sampled; a second call would start another process: ", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Sequences[0].Tokens)
	// Output: [0 0]
}
