// Command handles is the Go half of handles.py: it opens a sampler handle of the
// official Python client, or makes one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"tinsmith.example/tinker"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	svc, err := tinker.NewServiceClient()
	if err != nil {
		return err
	}
	defer svc.Close(ctx)
	switch args := os.Args[1:]; {
	case len(args) == 1 && args[0] == "open":
		return open(ctx, svc)
	case len(args) == 2 && args[0] == "make":
		return create(ctx, svc, args[1])
	}
	return errors.New("usage: handles open, or handles make MODEL")
}

// open samples from the handle on standard input and prints what came.
func open(ctx context.Context, svc *tinker.ServiceClient) error {
	handle, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	client, err := svc.SamplingClientFromHandle(string(handle))
	if err != nil {
		return err
	}
	again, err := client.Handle()
	if err != nil {
		return err
	}
	r, err := client.Sample(ctx, &tinker.SampleRequest{
		Prompt: tinker.FromTokens([]int32{504, 2, 17, 9}), Params: tinker.SamplingParams{MaxTokens: 6, Seed: new(int64(7))},
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"same_handle": again == string(handle), "tokens": r.Sequences[0].Tokens, "logprobs": r.Sequences[0].Logprobs,
	})
}

// create prints a handle, and keeps its session until standard input ends.
func create(ctx context.Context, svc *tinker.ServiceClient, model string) error {
	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: model})
	if err != nil {
		return err
	}
	handle, err := client.Handle()
	if err != nil {
		return err
	}
	fmt.Println(handle)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
