package transport

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"tinsmith.example/internal/wire"
)

// An instant server answers every sample at once, without HTTP.
type instant struct{ result []byte }

func (s *instant) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	body, media := []byte(`{"request_id":"r","sample_sequence_ids":["q"]}`), wire.MediaJSON
	if strings.HasSuffix(r.URL.Path, wire.PathRetrieveFuture) {
		body, media = s.result, wire.MediaProtobuf
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {media}},
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// What a sample of 128 tokens from a prompt of 512 costs above net/http.
func BenchmarkSample(b *testing.B) {
	result, err := (&wire.SampleResponse{Sequences: []wire.Sequence{
		{StopReason: wire.StopReasonLength, Tokens: make([]int32, 128), Logprobs: make([]float32, 128)},
	}}).MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	client, err := New(Config{BaseURL: "https://tinker.test", APIKey: "tml-test", UserAgent: "test",
		HTTP: &http.Client{Transport: &instant{result}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	sampler := client.NewSampler(SamplerConfig{SamplingSessionID: "S:sample:0", Gate: NewGate(0, 0),
		Retry: RetryConfig{MaxConcurrent: 2000, ProgressTimeout: 1 << 40, Retryable: Retryable}})
	tokens := make([]int32, 512)
	for i := range tokens {
		tokens[i] = int32(i * 79)
	}
	call := SampleCall{Op: "SamplingClient.Sample", PromptBytes: 5120, Request: &wire.SampleRequest{
		NumSamples: new(1), Prompt: wire.ModelInput{Chunks: []wire.Chunk{wire.TextChunk(tokens)}},
		SamplingParams: wire.SamplingParams{MaxTokens: new(128), Temperature: new(0.7), TopK: new(-1), TopP: new(1.0)},
	}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sampler.Sample(b.Context(), call); err != nil {
			b.Fatal(err)
		}
	}
}
