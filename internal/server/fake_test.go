package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/tokenizer"
	"tinsmith.example/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fakeBackend answers at once and always the same, unless sample says
// otherwise.
type fakeBackend struct {
	sample func(ctx context.Context, r *engine.Request) (*engine.Result, error)
	check  func(r *engine.Request) error
	tokens *tokenizer.Tokenizer
	calls  atomic.Int64 // of Sample
}

const (
	fakeContext = 64
	fakeVocab   = 100
)

func (f *fakeBackend) Info() engine.Info {
	return engine.Info{Architecture: "llama", ContextLength: fakeContext, VocabSize: fakeVocab, EOS: []int32{2}, BOS: 1}
}

func (f *fakeBackend) Tokenizer() *tokenizer.Tokenizer { return f.tokens }

func (f *fakeBackend) Check(r *engine.Request) error {
	if f.check != nil {
		return f.check(r)
	}
	for i, id := range r.Prompt {
		if id < 0 || id >= fakeVocab {
			return &engine.ArgumentError{Field: "prompt", Value: id, Reason: "token " + string(rune('0'+i)) + " is outside of the vocabulary, 0 to 99"}
		}
	}
	return nil
}

func (f *fakeBackend) Sample(ctx context.Context, r *engine.Request) (*engine.Result, error) {
	f.calls.Add(1)
	if f.sample != nil {
		return f.sample(ctx, r)
	}
	return fakeResult(r), nil
}

// fakeResult gives sample i the tokens i+3 and the end of sequence.
func fakeResult(r *engine.Request) *engine.Result {
	res := &engine.Result{CacheHitTokens: 1}
	row := func(k int) []engine.TokenLogprob {
		var out []engine.TokenLogprob
		for i := range k {
			out = append(out, engine.TokenLogprob{ID: int32(i), Logprob: -float32(i + 1)})
		}
		return out
	}
	for i := range r.NumSamples {
		s := engine.Sequence{Tokens: []int32{int32(i + 3), 2}, Logprobs: []float32{-0.5, -0.25}, Stop: engine.StopStop}
		if k := r.TopKSampleLogprobs; k > 0 {
			s.TopK = [][]engine.TokenLogprob{row(k), row(k)}
		}
		res.Sequences = append(res.Sequences, s)
	}
	for _, ids := range r.TargetPromptTokens {
		var out []float32
		for _, id := range ids {
			out = append(out, -float32(max(id, 0)))
		}
		res.TargetPromptLogprobs = append(res.TargetPromptLogprobs, out)
	}
	if k := r.PromptAltTokensK; k > 0 {
		for range r.Prompt[1:] {
			res.PromptAltTokens = append(res.PromptAltTokens, row(k))
		}
	}
	for i := range r.Prompt {
		lp := float32(math.NaN())
		if i > 0 {
			lp = -float32(i)
		}
		if r.PromptLogprobs {
			res.PromptLogprobs = append(res.PromptLogprobs, lp)
		}
		if k := r.TopKPromptLogprobs; k > 0 {
			res.TopKPromptLogprobs = append(res.TopKPromptLogprobs, row(k*min(i, 1)))
		}
	}
	return res
}

const fakeName = "Org/Fake-1B"

// A caller makes requests of a server without a network between.
type caller struct {
	t testing.TB
	h http.Handler
}

// serve makes a server of one fake model that ends with the test.
func serve(t testing.TB, backend Backend, limits Limits) (*Server, *caller) {
	t.Helper()
	s, err := New(Config{
		Models: []Model{{Name: fakeName, Backend: backend}},
		Limits: limits,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s, &caller{t, s}
}

// request is one that the guard lets through.
func request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:8731"+path, strings.NewReader(body))
	r.Header.Set("X-API-Key", "tml-test")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (c *caller) do(r *http.Request) *http.Response {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	return w.Result()
}

// post sends body, which is text or is made JSON, and returns status and body.
func (c *caller) post(path string, body any) (int, []byte) {
	c.t.Helper()
	text, ok := body.(string)
	if !ok {
		b, err := wire.Encode(body)
		if err != nil {
			c.t.Fatal(err)
		}
		text = string(b)
	}
	r := request("POST", path, text)
	r.Header.Set("Accept", "application/x-protobuf")
	return read(c.t, c.do(r))
}

func (c *caller) get(path string) (int, []byte) {
	c.t.Helper()
	return read(c.t, c.do(request("GET", path, "")))
}

func read(t testing.TB, r *http.Response) (int, []byte) {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, b.Bytes()
}

// must posts, wants 200, and decodes the answer.
func must[T any](c *caller, path string, body any) T {
	c.t.Helper()
	status, answer := c.post(path, body)
	if status != 200 {
		c.t.Fatalf("%s: %d %s", path, status, answer)
	}
	var out T
	if err := json.Unmarshal(answer, &out); err != nil {
		c.t.Fatalf("%s: %v in %s", path, err, answer)
	}
	return out
}

func (c *caller) session() string {
	c.t.Helper()
	return must[wire.CreateSessionResponse](c, wire.PathCreateSession, wire.CreateSessionRequest{SDKVersion: "0.38.0"}).SessionID
}

func (c *caller) sampler(session string, n int64) string {
	c.t.Helper()
	return must[wire.CreateSamplingSessionResponse](c, wire.PathCreateSamplingSession,
		wire.CreateSamplingSessionRequest{SessionID: session, SamplingSessionSeqID: n, BaseModel: fakeName}).SamplingSessionID
}

// newSampler opens a session and a sampler in it.
func (c *caller) newSampler() string {
	c.t.Helper()
	return c.sampler(c.session(), 0)
}

// sampleOf is a plain request for one sample.
func sampleOf(sampler string, seq int64) *wire.SampleRequest {
	return &wire.SampleRequest{
		SamplingSessionID: sampler,
		SeqID:             &seq,
		NumSamples:        new(1),
		Prompt:            wire.ModelInput{Chunks: []wire.Chunk{wire.TextChunk([]int32{5, 6, 7})}},
		SamplingParams:    wire.SamplingParams{MaxTokens: new(4), Temperature: new(1.0), TopK: new(-1), TopP: new(1.0)},
	}
}

func (c *caller) submit(r *wire.SampleRequest) wire.Promise {
	c.t.Helper()
	return must[wire.Promise](c, wire.PathSample, r)
}

func (c *caller) retrieve(id string) (int, []byte) {
	c.t.Helper()
	return c.post(wire.PathRetrieveFuture, wire.RetrieveFutureRequest{RequestID: id, AllowMetadataOnly: true})
}

// detail is what an error answer says; it fails if it is not one.
func detail(t testing.TB, body []byte) string {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("an error answer is not JSON: %v in %q", err, body)
	}
	text, ok := out["detail"].(string)
	if !ok || text == "" || len(out) != 1 {
		t.Fatalf("an error answer is not {detail: text}: %s", body)
	}
	return text
}

// blocked is a Sample that waits for release, or for its context.
func blocked(release <-chan struct{}) func(context.Context, *engine.Request) (*engine.Result, error) {
	return func(ctx context.Context, r *engine.Request) (*engine.Result, error) {
		select {
		case <-release:
			return fakeResult(r), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
