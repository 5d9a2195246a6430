package tinker

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"tinsmith.example/internal/wire"
)

// What a sample of a 512-token prompt costs client and loopback together: two
// requests, with a server that has nothing to do.
func BenchmarkSample(b *testing.B) {
	result, err := (&wire.SampleResponse{Sequences: []wire.Sequence{
		{StopReason: wire.StopReasonLength, Tokens: make([]int32, 16), Logprobs: make([]float32, 16)},
	}}).MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case wire.PathRetrieveFuture:
			w.Header().Set("Content-Type", wire.MediaProtobuf)
			w.Write(result)
		case wire.PathSample:
			w.Write([]byte(`{"request_id":"r","sample_sequence_ids":["q"]}`))
		default:
			w.Write([]byte(`{"session_id":"S","sampling_session_id":"S:0"}`))
		}
	}))
	defer server.Close()
	svc, err := NewServiceClient(WithBaseURL(server.URL), WithAPIKey(testKey), WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		b.Fatal(err)
	}
	defer svc.Close(b.Context())
	client, err := svc.CreateSamplingClient(b.Context(), SamplingClientConfig{BaseModel: "m"})
	if err != nil {
		b.Fatal(err)
	}
	r := &SampleRequest{Prompt: FromTokens(make([]int32, 512)), Params: SamplingParams{MaxTokens: 16}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Sample(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}

// A silent server takes every request and never has a result. It is reached
// without a network, which has a cost of its own.
type silent struct {
	watched bool
	taken   chan struct{} // gets one for each request taken
}

func (s *silent) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	body := `{"session_id":"S","sampling_session_id":"S:0"}`
	switch r.URL.Path {
	case wire.PathClientConfig:
		body = fmt.Sprintf(`{"sample_use_retrieve_futures":%v,"sample_max_concurrent_requests":1000000}`, s.watched)
	case wire.PathSample:
		body = fmt.Sprintf(`{"request_id":"S:%p","sample_sequence_ids":["q"]}`, r)
		defer func() { s.taken <- struct{}{} }()
	case wire.PathRetrieveFuture, wire.PathRetrieveFutures:
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {wire.MediaJSON}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// What a sample that is under way takes of the client, beside its connection:
// while a poll of its own waits for it, while one for the session does, and while
// it waits for its turn. A prompt of 512 tokens is 2,048 of these bytes.
func BenchmarkOutstanding(b *testing.B) {
	for _, bm := range []struct {
		name          string
		watched       bool
		maxConcurrent int
	}{{"polled", false, 0}, {"watched", true, 0}, {"waiting", false, 1}} {
		b.Run(bm.name, func(b *testing.B) {
			server := &silent{watched: bm.watched, taken: make(chan struct{}, 1<<20)}
			svc, err := NewServiceClient(WithBaseURL("https://tinker.test"), WithAPIKey(testKey), WithLogger(slog.New(slog.DiscardHandler)),
				WithHTTPClient(&http.Client{Transport: server}))
			if err != nil {
				b.Fatal(err)
			}
			client, err := svc.CreateSamplingClient(b.Context(), SamplingClientConfig{BaseModel: "m", Retry: RetryConfig{MaxConcurrent: bm.maxConcurrent}})
			if err != nil {
				b.Fatal(err)
			}
			r := &SampleRequest{Prompt: FromTokens(make([]int32, 512)), Params: SamplingParams{MaxTokens: 16}}
			const n = 10_000
			for b.Loop() {
				bytes, goroutines := inUse()
				futures := make([]*Future[*SampleResponse], n)
				for i := range futures {
					futures[i] = client.SampleAsync(b.Context(), r)
				}
				for range min(n, cmp.Or(bm.maxConcurrent, n)) {
					<-server.taken
				}
				moreBytes, moreGoroutines := inUse()
				b.ReportMetric(float64(moreBytes-bytes)/n, "B/future")
				b.ReportMetric(float64(moreGoroutines-goroutines)/n, "goroutines/future")
				for _, f := range futures {
					f.Cancel()
				}
				for _, f := range futures {
					<-f.Done()
				}
			}
			svc.Close(b.Context())
		})
	}
}

// inUse returns the bytes of heap and stacks in use, and the number of goroutines.
func inUse() (bytes int64, goroutines int) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
}
