package tinker

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
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
