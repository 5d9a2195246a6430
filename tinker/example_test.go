package tinker_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

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
		Prompt: tinker.FromTokens(tok.Encode("ab")),
		Params: tinker.SamplingParams{MaxTokens: 3, Temperature: new(0.7), Seed: new(int64(1))},
	})
	if err != nil {
		log.Fatal(err)
	}
	s := r.Sequences[0]
	fmt.Printf("%q %.2f %s\n", tok.Decode(s.Tokens), s.Logprobs, s.StopReason)
	// Output: "aaa" [-0.29 -0.29 -0.29] length
}

// A group of samples of one prompt costs one request, and the prompt is computed
// once. It is what GRPO and its kin are made of: each sample is compared with the
// mean of its group.
func ExampleSamplingClient_Sample() {
	client, done := exampleClient()
	defer done()
	r, err := client.Sample(context.Background(), &tinker.SampleRequest{
		Prompt:     tinker.FromTokens([]int32{0, 1}),
		NumSamples: 4,
		Params:     tinker.SamplingParams{MaxTokens: 2},
	})
	if err != nil {
		log.Fatal(err)
	}
	reward := func(s tinker.Sequence) float64 { return float64(s.Tokens[0]) }
	mean := 0.0
	for _, s := range r.Sequences {
		mean += reward(s) / float64(len(r.Sequences))
	}
	for _, s := range r.Sequences {
		fmt.Println(s.Tokens, reward(s)-mean)
	}
	// Output:
	// [0 0] -0.5
	// [1 0] 0.5
	// [0 0] -0.5
	// [1 0] 0.5
}

// Best of n: the sample that is likeliest as a whole.
func ExampleSamplingClient_Sample_bestOfN() {
	client, done := exampleClient()
	defer done()
	r, err := client.Sample(context.Background(), &tinker.SampleRequest{
		Prompt:     tinker.FromTokens([]int32{1}),
		NumSamples: 4,
		Params:     tinker.SamplingParams{MaxTokens: 2},
	})
	if err != nil {
		log.Fatal(err)
	}
	sum := func(l tinker.Logprobs) (sum float64) {
		for _, p := range l {
			sum += float64(p)
		}
		return sum
	}
	best := r.Sequences[0]
	for _, s := range r.Sequences[1:] {
		if sum(s.Logprobs) > sum(best.Logprobs) {
			best = s
		}
	}
	fmt.Printf("%v %.2f\n", best.Tokens, sum(best.Logprobs))
	// Output: [0 0] -0.58
}

// How probable a text is: the log probability of each token given those before
// it. The first has none.
func ExampleSamplingClient_ComputeLogprobs() {
	client, done := exampleClient()
	defer done()
	logprobs, err := client.ComputeLogprobs(context.Background(), tinker.FromTokens([]int32{0, 1, 0}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f\n", logprobs)
	// Output: [NaN -1.39 -0.29]
}

// Several prompts at once: all are under way before the first result is awaited.
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

// Thousands of prompts: submit them all, and take each result as it comes. The
// client sees to it that the server is not overrun. One that failed does not
// concern the others.
func ExampleCompleted() {
	client, done := exampleClient()
	defer done()
	ctx := context.Background()
	futures := make([]*tinker.Future[*tinker.SampleResponse], 2000)
	for i := range futures {
		futures[i] = client.SampleAsync(ctx, &tinker.SampleRequest{
			Prompt: tinker.FromTokens([]int32{int32(i % 2)}), Params: tinker.SamplingParams{MaxTokens: 1},
		})
	}
	sampled, failed := 0, 0
	for i, f := range tinker.Completed(ctx, futures...) {
		r, err := f.Await(ctx)
		if err != nil {
			log.Printf("prompt %d: %v", i, err)
			failed++
			continue
		}
		sampled += len(r.Sequences)
	}
	fmt.Println(sampled, failed)
	// Output: 2000 0
}

// Errors have types that say what to do about them.
func ExampleArgumentError() {
	client, done := exampleClient()
	defer done()
	_, err := client.Sample(context.Background(), &tinker.SampleRequest{Prompt: tinker.FromTokens([]int32{1}), Params: tinker.SamplingParams{TopP: 2}})
	if wrong, ok := errors.AsType[*tinker.ArgumentError](err); ok {
		fmt.Println(wrong.Field, "must be", wrong.Limit)
	}
	// Output: Params.TopP must be between 0 and 1
}

// A request that the server failed says whose fault it was: where it is the
// user's, trying again cannot help.
func ExampleRequestError() {
	client, done := exampleClient(answer{200, `{"error": "out of memory", "category": "server"}`})
	defer done()
	_, err := client.Sample(context.Background(), &tinker.SampleRequest{Prompt: tinker.FromTokens([]int32{1}), Params: tinker.SamplingParams{MaxTokens: 1}})
	if failed, ok := errors.AsType[*tinker.RequestError](err); ok {
		fmt.Println(failed.Category, failed.Err)
	}
	// Output: server out of memory
}

// What may pass is tried again without being asked: here the server loses a
// result, and the request is sent anew. RetryConfig says how patiently.
func ExampleRetryConfig() {
	server := exampleServer(answer{410, ""})
	defer server.Close()
	ctx := context.Background()
	svc, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-example"), tinker.WithLogger(quiet))
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close(ctx)
	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{
		BaseModel: "example/ab",
		Retry: tinker.RetryConfig{
			BaseDelay:       10 * time.Millisecond,
			MaxDelay:        time.Minute,
			ProgressTimeout: 10 * time.Minute, // without any success, after which calls fail with ErrStuck
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Hour) // bounds the call with all its retries
	defer cancel()
	r, err := client.Sample(ctx, &tinker.SampleRequest{Prompt: tinker.FromTokens([]int32{1}), Params: tinker.SamplingParams{MaxTokens: 2}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.RequestID, r.Sequences[0].Tokens)
	// Output: s:sample:0:1 [0 0]
}

// Why requests wait, as the server says it. Without OnQueueState, pauses are
// logged.
func ExampleQueueState() {
	server := exampleServer(answer{408, `{"type": "try_again", "queue_state": "paused_capacity", "queue_state_reason": "maintenance"}`})
	defer server.Close()
	ctx := context.Background()
	svc, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-example"))
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close(ctx)
	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{
		BaseModel:    "example/ab",
		OnQueueState: func(state tinker.QueueState, reason string) { fmt.Println(state, reason) },
	})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.Sample(ctx, &tinker.SampleRequest{Prompt: tinker.FromTokens([]int32{1}), Params: tinker.SamplingParams{MaxTokens: 1}}); err != nil {
		log.Fatal(err)
	}
	// Output:
	// paused_capacity maintenance
	// active
}

// A meter counts what sampling calls took.
type meter struct{}

func (meter) CallStarted(ctx context.Context, call tinker.Call) context.Context { return ctx }

func (meter) AttemptEnded(ctx context.Context, call tinker.Call, a tinker.Attempt) {
	if call.Params != nil {
		fmt.Println(a.Number, a.Method, a.Endpoint, a.Status)
	}
}

func (meter) CallEnded(ctx context.Context, call tinker.Call, o tinker.Outcome) {
	if call.Params != nil {
		fmt.Println(call.Op, call.Model, call.PromptTokens, "+", o.OutputTokens, "tokens, error", o.Err)
	}
}

// An observer sees each call with its HTTP requests. Package tinkerotel has one
// for OpenTelemetry.
func ExampleObserver() {
	server := exampleServer()
	defer server.Close()
	ctx := context.Background()
	svc, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-example"), tinker.WithObserver(meter{}))
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close(ctx)
	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: "example/ab"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Sample(ctx, &tinker.SampleRequest{
		Prompt: tinker.FromTokens([]int32{0, 1, 1}), NumSamples: 2, Params: tinker.SamplingParams{MaxTokens: 5},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 POST /api/v1/asample 200
	// 2 POST /api/v1/retrieve_future 200
	// SamplingClient.Sample example/ab 3 + 10 tokens, error <nil>
}

// A handle takes a client to another process, in Go or in Python, that samples
// from the same weights: trainers hand it to their workers.
func ExampleServiceClient_SamplingClientFromHandle() {
	server := exampleServer()
	defer server.Close()
	ctx := context.Background()

	// Here is the maker of the client ...
	svc, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-example"), tinker.WithLogger(quiet))
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close(ctx) // ends the session, for the worker too
	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: "example/ab"})
	if err != nil {
		log.Fatal(err)
	}
	handle, err := client.Handle() // a text without a key in it
	if err != nil {
		log.Fatal(err)
	}

	// ... and here the worker, which has a key of its own for that server.
	worker, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-of-the-worker"), tinker.WithLogger(quiet))
	if err != nil {
		log.Fatal(err)
	}
	defer worker.Close(ctx) // does not end the session
	copied, err := worker.SamplingClientFromHandle(handle)
	if err != nil {
		log.Fatal(err)
	}
	r, err := copied.Sample(ctx, &tinker.SampleRequest{
		Prompt: tinker.FromTokens([]int32{1}), Params: tinker.SamplingParams{MaxTokens: 2},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(copied.BaseModel(), r.Sequences[0].Tokens)
	// Output: example/ab [0 0]
}

// Copies travel by encoding/gob, too, as parts of whatever is sent. Those that
// arrive belong to the default ServiceClient, usually one from the environment.
func ExampleSamplingClient_MarshalBinary() {
	server := exampleServer()
	defer server.Close()
	ctx := context.Background()
	svc, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-example"), tinker.WithLogger(quiet))
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close(ctx)
	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: "example/ab"})
	if err != nil {
		log.Fatal(err)
	}
	type job struct {
		Client *tinker.SamplingClient
		Prompt []int32
	}
	var sent bytes.Buffer
	if err := gob.NewEncoder(&sent).Encode(job{client, []int32{0, 1}}); err != nil {
		log.Fatal(err)
	}

	tinker.SetDefaultServiceClient(svc)
	defer tinker.SetDefaultServiceClient(nil)
	var received job
	if err := gob.NewDecoder(&sent).Decode(&received); err != nil {
		log.Fatal(err)
	}
	logprobs, err := received.Client.ComputeLogprobs(ctx, tinker.FromTokens(received.Prompt))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f\n", logprobs)
	// Output: [NaN -1.39]
}

// Text as it comes, token by token: bytes of a character that is not whole yet
// are kept back.
func ExampleTokenizer_NewDecoder() {
	client, done := exampleClient()
	defer done()
	tok, err := client.Tokenizer(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	decoder := tok.NewDecoder()
	for _, id := range []int32{0, 1, 0} {
		fmt.Print(decoder.Write(id), " ")
	}
	fmt.Println(decoder.Flush())
	// Output: a b a
}

var quiet = slog.New(slog.DiscardHandler)

// exampleClient samples from the example server until done is called.
func exampleClient(first ...answer) (client *tinker.SamplingClient, done func()) {
	server := exampleServer(first...)
	svc, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-example"), tinker.WithLogger(quiet))
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
