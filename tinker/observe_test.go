package tinker

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"tinsmith.example/internal/wire"
)

// A notebook is an observer that writes down what it is told.
type notebook struct {
	mu    sync.Mutex
	lines []string
	calls []Call
	ends  []Outcome
}

type notebookKey struct{}

func (n *notebook) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notebook) CallStarted(ctx context.Context, call Call) context.Context {
	n.note("start %s", call.Op)
	n.calls = append(n.calls, call)
	return context.WithValue(ctx, notebookKey{}, n)
}

func (n *notebook) AttemptEnded(ctx context.Context, call Call, a Attempt) {
	n.note("%d %s %s %d %v", a.Number, a.Method, a.Endpoint, a.Status, ctx.Value(notebookKey{}) == n)
}

func (n *notebook) CallEnded(ctx context.Context, call Call, o Outcome) {
	n.note("end %s %d %v", call.Op, o.Attempts, ctx.Value(notebookKey{}) == n)
	n.ends = append(n.ends, o)
}

func TestObserversSeeCallsWithTheirAttempts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on("/api/v1/samplers/S:sample:0", `{"sampler_id":"x","base_model":"org/model"}`)
		refused := false
		promise := f.answer[wire.PathSample]
		f.set(wire.PathSample, func(r seenRequest) reply {
			if !refused {
				refused = true
				return reply{status: http.StatusTooManyRequests}
			}
			return promise(r)
		})
		n := &notebook{}
		svc := f.service(t, WithObserver(n))
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{ModelPath: "tinker://a/b/c"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1, 2}), Params: SamplingParams{Temperature: new(0.5)}})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"start ServiceClient.CreateSamplingClient",
			"1 POST /api/v1/client/config 200 true", "2 POST /api/v1/client/dynamic_config 200 true",
			"3 POST /api/v1/create_session 200 true", "4 POST /api/v1/create_sampling_session 200 true",
			"5 GET /api/v1/samplers/{id} 200 true",
			"end ServiceClient.CreateSamplingClient 5 true",
			"start SamplingClient.Sample",
			"1 POST /api/v1/asample 429 true", "2 POST /api/v1/asample 200 true", "3 POST /api/v1/retrieve_future 200 true",
			"end SamplingClient.Sample 3 true",
		}
		if !slices.Equal(n.lines, want) {
			t.Errorf("told\n%s\nwant\n%s", strings.Join(n.lines, "\n"), strings.Join(want, "\n"))
		}
		call, o := n.calls[1], n.ends[1]
		if call.Model != "org/model" || call.PromptTokens != 2 || call.NumSamples != 1 || *call.Params.Temperature != 0.5 ||
			call.Server != "https://tinker.test/prefix" {
			t.Errorf("call %+v", call)
		}
		if o.Err != nil || o.RequestID != r.RequestID || o.OutputTokens != 1 || !slices.Equal(o.StopReasons, []StopReason{StopReasonLength}) {
			t.Errorf("outcome %+v", o)
		}
	})
}

func TestObserversSeeTheErrorThatTheCallerGets(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		delete(f.answer, wire.PathSample)
		n := &notebook{}
		svc := f.service(t, WithObserver(n))
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.ComputeLogprobs(t.Context(), FromTokens([]int32{1}))
		if err == nil || n.ends[1].Err != err {
			t.Errorf("observed %v, got %v", n.ends[1].Err, err)
		}
	})
}

// What is refused for its arguments is no call.
func TestObserversHearNothingOfArguments(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		n := &notebook{}
		svc := f.service(t, WithObserver(n))
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		training := &TrainingClient{session: client.session}
		heard := len(n.lines)
		for name, call := range map[string]func() error{
			"CreateSamplingClient": func() error {
				return second(svc.CreateSamplingClient(t.Context(), SamplingClientConfig{}))
			},
			"CreateLoRATrainingClient": func() error {
				return second(svc.CreateLoRATrainingClient(t.Context(), TrainingClientConfig{}))
			},
			"Sample": func() error { return second(client.Sample(t.Context(), nil)) },
			"SampleAsync": func() error {
				return second(client.SampleAsync(t.Context(), &SampleRequest{NumSamples: -1}).Await(t.Context()))
			},
			"ComputeLogprobs": func() error { return second(client.ComputeLogprobs(t.Context(), ModelInput{}, LastN(0))) },
			"Receipt":         func() error { return second(client.Receipt(t.Context(), nil)) },
			"SaveWeightsForSampler": func() error {
				return second(training.SaveWeightsForSampler(t.Context(), SavedWeights{}))
			},
			"SaveWeightsAndGetSamplingClientAsync": func() error {
				return second(training.SaveWeightsAndGetSamplingClientAsync(t.Context(), SavedSamplingConfig{Kind: "none"}).Await(t.Context()))
			},
			"Finish": func() error { return svc.Finish(t.Context(), "none", "") },
		} {
			if err := call(); !isArgument(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(n.lines) != heard {
			t.Errorf("told %q", n.lines[heard:])
		}
	})
}

// A receipt that came and was refused is a call that failed.
func TestObserversSeeThatAReceiptIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		n := &notebook{}
		client, err := f.service(t, WithObserver(n)).CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		f.on(wire.ReceiptPath("r"), `{}`)
		_, err = client.Receipt(t.Context(), &SampleResponse{RequestID: "r"})
		if !isAnswer(err) || n.ends[1].Err != err {
			t.Errorf("observed %v, got %v", n.ends[1].Err, err)
		}
	})
}

func TestObserversCountPromptsAsTheProgramDoes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		n := &notebook{}
		client, err := f.service(t, WithObserver(n)).CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"})
		if err != nil {
			t.Fatal(err)
		}
		for _, expected := range []int{0, 64} { // of an image, about which only the server knows
			prompt := FromTokens([]int32{1, 2}).Append(Image{Data: tinyPNG, Format: ImagePNG, ExpectedTokens: expected})
			if _, err := client.Sample(t.Context(), &SampleRequest{Prompt: prompt}); err != nil {
				t.Fatal(err)
			}
		}
		if n.calls[1].PromptTokens != 2 || n.calls[2].PromptTokens != 66 {
			t.Errorf("%d and %d tokens, want 2 and 66", n.calls[1].PromptTokens, n.calls[2].PromptTokens)
		}
	})
}

// Contexts go through all observers, so that a later one sees what an earlier
// one put there.
func TestSeveralObserversShareTheContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.on(wire.PathServerCapabilities, `{"supported_models":[]}`)
		first, second := &notebook{}, &notebook{}
		if _, err := f.service(t, WithObserver(first), WithObserver(second)).Capabilities(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The last one to be asked for a context is whose the context is in the end.
		last := len(first.lines) - 1
		if last < 2 || len(second.lines) != last+1 || !strings.HasSuffix(second.lines[last], "true") || !strings.HasSuffix(first.lines[last], "false") {
			t.Errorf("first %q, second %q", first.lines, second.lines)
		}
	})
}

func TestEndpointsHaveNoNamesInThem(t *testing.T) {
	for path, want := range map[string]string{
		wire.PathSample:               wire.PathSample,
		wire.SamplerPath("S:0"):       "/api/v1/samplers/{id}",
		wire.FinishSessionPath("S"):   "/api/v1/sessions/{id}/finish",
		wire.ReceiptPath("S:0:1"):     "/api/v1/tinsmith/receipts/{id}",
		"/a/b/resolve/main/t.json":    "/{model}/resolve/main/t.json",
		wire.PathServerCapabilities:   wire.PathServerCapabilities,
		wire.PathRetrieveFuture + "s": wire.PathRetrieveFuture + "s",
	} {
		if got := endpoint(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
