// Package tinker samples from language models through the Tinker API: by token
// ids, with log probabilities. It speaks to any server of that API, `tinsmith
// serve` among them.
//
// # In five minutes
//
// A [ServiceClient] is the connection; it finds the server in TINKER_BASE_URL
// and the key in TINKER_API_KEY unless options say otherwise. From it comes a
// [SamplingClient] for one model, and from that the model's [Tokenizer]:
//
//	svc, err := tinker.NewServiceClient()
//	// handle err
//	defer svc.Close(context.Background())
//	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: "HuggingFaceTB/SmolLM2-135M-Instruct"})
//	// handle err
//	tok, err := client.Tokenizer(ctx)
//	// handle err
//	r, err := client.Sample(ctx, &tinker.SampleRequest{
//		Prompt:     tinker.FromTokens(tok.Encode("The weather today is")),
//		NumSamples: 4,
//		Params:     tinker.SamplingParams{MaxTokens: 32, Seed: new(int64(1))},
//	})
//	// handle err
//	for _, s := range r.Sequences {
//		fmt.Println(tok.Decode(s.Tokens), s.Logprobs)
//	}
//
// [SamplingClient.ComputeLogprobs] gives the log probability of each token of a
// text, without sampling. [SamplingClient.Receipt] says what an answer came from,
// so that it can be computed again.
//
// # Waiting
//
// Plain methods wait. Their Async twins return a [Future] at once: [Future.Await]
// gets its result, [All] the results of many, [Completed] each as it comes. The
// context of a call owns the call: when it ends, the server is told to stop, if
// it allows that. The context of Await only owns the waiting. Every client may
// be used by any number of goroutines, and any number of calls may run at once;
// the package sees to it that the server is not overrun.
//
// # Errors
//
// Test them with errors.As and errors.Is, never by their text: [ArgumentError]
// for values that cannot be right, before anything is sent; [RequestError] for
// requests that the server accepted and then failed, with whose fault it was;
// [APIError] for everything else that went wrong on the way; [ErrClosed] after
// Close; [ErrStuck] when nothing moves any more. What may pass (a busy server, a
// lost connection or result) has been tried again before, as [RetryConfig] says.
//
// # For those who come from Python
//
// sample returns a future there: that is SampleAsync here, and Sample waits.
// result.samples, on older pages, is Sequences. A null log probability is NaN
// here, and null again in the JSON of [Logprobs]. The zero value of
// [SamplingParams] is the API's defaults. An empty stop list is [NoStop].
package tinker
