package tinkerotel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"tinsmith.example/internal/wire"
	"tinsmith.example/tinker"
)

// A stage is a client of a small server, with all that its observer records.
type stage struct {
	client *tinker.SamplingClient
	spans  *tracetest.InMemoryExporter
	tracer trace.Tracer // of the program around the client
	reader *sdkmetric.ManualReader
}

// newStage makes one whose server answers retrieve_future with the statuses, one
// after the other, and then with a result of three tokens.
func newStage(t *testing.T, statuses []int, opts ...Option) *stage {
	t.Helper()
	result, err := (&wire.SampleResponse{
		Sequences:            []wire.Sequence{{StopReason: wire.StopReasonStop, Tokens: []int32{7, 8, 9}, Logprobs: make([]float32, 3)}},
		PromptCacheHitTokens: 1, PromptLogprobs: []float32{0}, // of a prompt of one token
	}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch {
		case r.URL.Path == wire.PathRetrieveFuture && len(statuses) > 0:
			status := statuses[0]
			statuses = statuses[1:]
			http.Error(w, `{"detail":"not now"}`, status)
		case r.URL.Path == wire.PathRetrieveFuture:
			w.Header().Set("Content-Type", wire.MediaProtobuf)
			w.Write(result)
		case r.URL.Path == wire.PathSample:
			io.WriteString(w, `{"request_id":"r","sample_sequence_ids":["q"]}`)
		default:
			io.WriteString(w, `{"session_id":"S","sampling_session_id":"S:0"}`)
		}
	}))
	t.Cleanup(server.Close)

	s := &stage{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans))
	s.tracer = tracers.Tracer("test")
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	observer, err := New(append([]Option{WithTracerProvider(tracers), WithMeterProvider(meters)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	svc, err := tinker.NewServiceClient(tinker.WithBaseURL(server.URL), tinker.WithAPIKey("tml-secret"),
		tinker.WithObserver(observer), tinker.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { svc.Close(context.WithoutCancel(t.Context())) })
	if s.client, err = svc.CreateSamplingClient(t.Context(), tinker.SamplingClientConfig{BaseModel: "org/model"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// data are a metric's points: attributes, count and sum.
func (s *stage) data(t *testing.T, name string) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := s.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch d := m.Data.(type) {
			case metricdata.Histogram[int64]:
				for _, p := range d.DataPoints {
					list = append(list, fmt.Sprint(encode(p.Attributes), " count ", p.Count, " sum ", p.Sum))
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					list = append(list, fmt.Sprint(encode(p.Attributes), " count ", p.Count))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// encode leaves out what differs from run to run.
func encode(set attribute.Set) string {
	kept, _ := set.Filter(func(kv attribute.KeyValue) bool { return kv.Key != "server.address" && kv.Key != "server.port" })
	return kept.Encoded(attribute.DefaultEncoder())
}

// span finds a span by name.
func (s *stage) span(t *testing.T, name string) tracetest.SpanStub {
	t.Helper()
	for _, span := range s.spans.GetSpans() {
		if span.Name == name {
			return span
		}
	}
	t.Fatalf("no span %s", name)
	return tracetest.SpanStub{}
}

func TestASampleIsASpanWithItsRequestsBelow(t *testing.T) {
	s := newStage(t, []int{408})
	ctx, outer := s.tracer.Start(t.Context(), "outer")
	_, err := s.client.Sample(ctx, &tinker.SampleRequest{
		Prompt: tinker.FromTokens([]int32{1, 2}),
		Params: tinker.SamplingParams{MaxTokens: 3, Temperature: new(0.5), TopK: 4, TopP: 0.9, Seed: new(int64(6))},
	})
	outer.End()
	if err != nil {
		t.Fatal(err)
	}
	span := s.span(t, "text_completion org/model")
	if span.SpanKind != trace.SpanKindClient || span.Parent.SpanID() != outer.SpanContext().SpanID() || span.Status.Code != codes.Unset {
		t.Errorf("kind %v, parent %v, status %v", span.SpanKind, span.Parent.SpanID(), span.Status)
	}
	const want = "gen_ai.operation.name=text_completion,gen_ai.provider.name=tinker,gen_ai.request.choice.count=1," +
		"gen_ai.request.max_tokens=3,gen_ai.request.model=org/model,gen_ai.request.seed=6,gen_ai.request.temperature=0.5," +
		"gen_ai.request.top_k=4,gen_ai.request.top_p=0.9,gen_ai.response.finish_reasons=[\"stop\"],gen_ai.response.id=r," +
		"gen_ai.usage.cache_read.input_tokens=1,gen_ai.usage.input_tokens=2,gen_ai.usage.output_tokens=3"
	if got := encode(attribute.NewSet(span.Attributes...)); got != want {
		t.Errorf("attributes\n got %s\nwant %s", got, want)
	}
	var below []string
	for _, child := range s.spans.GetSpans() {
		if child.Parent.SpanID() == span.SpanContext.SpanID() {
			below = append(below, child.Name+" "+encode(attribute.NewSet(child.Attributes...)))
			if child.EndTime.Before(child.StartTime) || child.StartTime.Before(span.StartTime) || child.EndTime.After(span.EndTime) {
				t.Errorf("%s ran from %v to %v", child.Name, child.StartTime, child.EndTime)
			}
		}
	}
	const poll = "POST /api/v1/retrieve_future http.request.method=POST,http.response.status_code="
	if want := []string{
		"POST /api/v1/asample http.request.method=POST,http.response.status_code=200,url.template=/api/v1/asample",
		poll + "408,url.template=/api/v1/retrieve_future", poll + "200,url.template=/api/v1/retrieve_future",
	}; !slices.Equal(below, want) {
		t.Errorf("below it\n%s", strings.Join(below, "\n"))
	}
}

func TestOtherCallsAreNamedAsInErrors(t *testing.T) {
	s := newStage(t, nil)
	span := s.span(t, "ServiceClient.CreateSamplingClient")
	if got := encode(attribute.NewSet(span.Attributes...)); got != "" {
		t.Errorf("attributes %s", got)
	}
}

func TestMetrics(t *testing.T) {
	s := newStage(t, nil)
	for range 2 {
		if _, err := s.client.Sample(t.Context(), &tinker.SampleRequest{Prompt: tinker.FromTokens([]int32{1, 2})}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.client.ComputeLogprobsAsync(t.Context(), tinker.FromTokens([]int32{1})).Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	const labels = "gen_ai.operation.name=text_completion,gen_ai.provider.name=tinker,gen_ai.request.model=org/model"
	const scoring = "gen_ai.operation.name=compute_logprobs,gen_ai.provider.name=tinker,gen_ai.request.model=org/model"
	for name, want := range map[string][]string{
		"gen_ai.client.token.usage": {
			labels + ",gen_ai.token.type=input count 2 sum 4", labels + ",gen_ai.token.type=output count 2 sum 6",
			scoring + ",gen_ai.token.type=input count 1 sum 1", scoring + ",gen_ai.token.type=output count 1 sum 3",
		},
		"gen_ai.client.operation.duration": {labels + " count 2", scoring + " count 1"},
	} {
		got := s.data(t, name)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %q\nwant %q", name, got, want)
		}
	}
	if got := s.data(t, "http.client.request.duration"); len(got) != 6 {
		t.Errorf("requests %q", got)
	}
}

func TestAFailureHasItsType(t *testing.T) {
	s := newStage(t, []int{403})
	_, err := s.client.Sample(t.Context(), &tinker.SampleRequest{Prompt: tinker.FromTokens([]int32{1})})
	if err == nil {
		t.Fatal("no error")
	}
	span := s.span(t, "text_completion org/model")
	if span.Status.Code != codes.Error || span.Status.Description != err.Error() {
		t.Errorf("status %+v", span.Status)
	}
	if got := encode(attribute.NewSet(span.Attributes...)); !strings.HasPrefix(got, "error.type=403,") {
		t.Errorf("attributes %s", got)
	}
	if got := s.span(t, "POST /api/v1/retrieve_future"); got.Status.Code != codes.Error {
		t.Errorf("the request's status %+v", got.Status)
	}
	if got := s.data(t, "gen_ai.client.operation.duration"); len(got) != 1 || !strings.HasPrefix(got[0], "error.type=403,") {
		t.Errorf("durations %q", got)
	}
	if got := s.data(t, "gen_ai.client.token.usage"); got != nil {
		t.Errorf("tokens %q", got)
	}
}

func TestRequestsCanBeLeftOut(t *testing.T) {
	s := newStage(t, nil, WithoutRequests())
	if got := s.data(t, "http.client.request.duration"); got != nil {
		t.Errorf("requests %q", got)
	}
	if n := len(s.spans.GetSpans()); n != 1 {
		t.Errorf("%d spans", n)
	}
}

func TestNothingRecordedIsSecret(t *testing.T) {
	s := newStage(t, []int{500, 401})
	s.client.Sample(t.Context(), &tinker.SampleRequest{Prompt: tinker.FromTokens([]int32{987654321}), Params: tinker.SamplingParams{Stop: tinker.StopStrings("my stop")}})
	if text := fmt.Sprintf("%+v", s.spans.GetSpans()); strings.Contains(text, "tml-secret") || strings.Contains(text, "987654321") || strings.Contains(text, "my stop") {
		t.Error(text)
	}
}

func TestErrorTypes(t *testing.T) {
	for want, err := range map[string]error{
		"404":                    &tinker.APIError{Status: 404},
		"no_answer":              &tinker.APIError{Err: io.EOF},
		"canceled":               &tinker.APIError{Err: context.Canceled},
		"deadline_exceeded":      fmt.Errorf("further out: %w", &tinker.APIError{Err: context.DeadlineExceeded}),
		"stuck":                  &tinker.APIError{Err: tinker.ErrStuck},
		"closed":                 tinker.ErrClosed,
		"request_failed_user":    &tinker.RequestError{Category: tinker.CategoryUser, Err: io.EOF},
		"request_failed_server":  &tinker.RequestError{Category: tinker.CategoryServer, Err: io.EOF},
		"request_failed_unknown": &tinker.RequestError{Category: "new", Err: io.EOF},
		"_OTHER":                 errors.New("?"),
	} {
		if got := errorType(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

func TestServerAttributes(t *testing.T) {
	for base, want := range map[string]string{
		"https://host.test/prefix": "server.address=host.test,server.port=443",
		"http://127.0.0.1:8731":    "server.address=127.0.0.1,server.port=8731",
		"http://localhost":         "server.address=localhost,server.port=80",
	} {
		set := attribute.NewSet(serverAttributes(base)...)
		if got := set.Encoded(attribute.DefaultEncoder()); got != want {
			t.Errorf("%s: %s, want %s", base, got, want)
		}
	}
}
