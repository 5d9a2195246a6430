// Package tinker samples from language models through the Tinker API: by token
// ids, with log probabilities. It speaks to any server of that API, the hosted
// one and `tinsmith serve` among them.
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
// text, without sampling. [Tokenizer.RenderChat] makes a prompt of a
// conversation. [SamplingClient.Receipt] says what an answer came from, so that
// it can be computed again.
//
// # Many at once
//
// Plain methods wait. Their Async twins return a [Future] at once: [Future.Await]
// gets its result, [All] the results of many, [Completed] each as it comes. So
// thousands of prompts are one loop that submits and one that takes what is
// ready; that the server is not overrun is this package's business.
//
// The context of a call owns the call: when it ends, the server is told to stop,
// if it allows that. The context of Await only owns the waiting. Every client may
// be used by any number of goroutines.
//
// # Errors
//
// Test them with errors.As and errors.Is, never by their text: [ArgumentError]
// for values that cannot be right, before anything is sent; [RequestError] for
// requests that the server accepted and then failed, with whose fault it was;
// [APIError] for everything else that went wrong on the way, with a
// [CredentialError] or an [AnswerError] in it where that is why; [ErrClosed] after
// Close; [ErrSessionGone] when the server does not know the session any more, and a
// new ServiceClient is needed; [SidecarError] for a process that died; [ErrStuck]
// when nothing moves any more.
//
// What may pass (a busy server, a lost connection, a lost result) has been tried
// again before, for as long as the call's context allows or [RetryConfig] says:
// no loop around a call is needed. docs/sdk.md describes what is repeated where,
// with a table of all options and environment variables.
//
// # Other processes
//
// A SamplingClient can be opened again elsewhere: by a handle, in Go or in Python
// ([SamplingClient.Handle]), or in Go by encoding/gob. A program that keeps all of
// its processors busy samples better in a process of its own, which
// [WithProcessIsolation] starts. docs/sdk.md has both.
//
// # Watching
//
// The logger gets a warning when something takes longer than it should; why the
// server lets requests wait goes there, too, or to
// [SamplingClientConfig].OnQueueState. An [Observer] sees every call with its
// HTTP requests, and package tinkerotel makes OpenTelemetry spans and metrics of
// them. The server is told which calls failed ([WithTelemetry]), never what they
// were about.
//
// # For those who come from Python
//
// sample returns a future there: that is SampleAsync here, and Sample waits.
// result.samples, on older pages, is Sequences. A null log probability is NaN
// here, and null again in the JSON of [Logprobs]. The zero value of
// [SamplingParams] is the API's defaults. An empty stop list is [NoStop].
// docs/python.md has every name.
package tinker
