package tinker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tinsmith.example/internal/wire"
)

func TestMain(m *testing.M) {
	// No test depends on what this machine knows of the Hub.
	os.Setenv("HF_HUB_OFFLINE", "1")
	os.Setenv("HF_HOME", os.DevNull)
	goleak.VerifyTestMain(m)
}

// A fake is a Tinker server inside the test: an http.RoundTripper, so that it
// needs no network and runs on virtual time. It knows the session's endpoints;
// tests set what else it answers.
type fake struct {
	t     *testing.T
	start time.Time
	sleep context.Context // ends with the test, so that nothing is held longer

	mu   sync.Mutex
	seen []seenRequest

	answers sync.Mutex                         // another one: answers may change what follows them
	answer  map[string]func(seenRequest) reply // by path below the base URL
}

type seenRequest struct {
	at     time.Duration
	method string
	path   string
	header http.Header
	body   map[string]any
	raw    []byte
}

// A reply is the fake's answer; status 0 is a broken connection.
type reply struct {
	status int
	body   string
	binary bool
	header http.Header // more of it
	hold   time.Duration
}

const testKey = "tml-test"

func newFake(t *testing.T) *fake {
	f := &fake{t: t, start: time.Now(), sleep: t.Context(), answer: map[string]func(seenRequest) reply{}}
	f.on(wire.PathClientConfig, `{}`)
	f.on(wire.PathDynamicConfig, `{"sample_cancel_enabled": true}`)
	f.on(wire.PathCreateSession, `{"session_id":"S"}`)
	f.on(wire.PathSessionHeartbeat, `{}`)
	f.on(wire.FinishSessionPath("S"), `{}`)
	f.on(wire.PathCancelFuture, `{}`)
	n := 0
	f.set(wire.PathCreateSamplingSession, func(seenRequest) reply {
		n++
		return reply{status: 200, body: fmt.Sprintf(`{"sampling_session_id":"S:sample:%d"}`, n-1)}
	})
	f.set(wire.PathSample, func(r seenRequest) reply {
		ids := []string{}
		for i := range int(r.body["num_samples"].(float64)) {
			ids = append(ids, fmt.Sprintf("q%d", i))
		}
		b, err := json.Marshal(map[string]any{"request_id": fmt.Sprintf("r%v", r.body["seq_id"]), "sample_sequence_ids": ids})
		if err != nil {
			t.Error(err)
		}
		return reply{status: 200, body: string(b)}
	})
	f.result(plain)
	return f
}

// set says how a path is answered from now on. Loops of the client may be asking.
func (f *fake) set(path string, answer func(seenRequest) reply) {
	f.answers.Lock()
	defer f.answers.Unlock()
	f.answer[path] = answer
}

// on makes a path answer with status 200 and a body.
func (f *fake) on(path, body string) {
	f.set(path, func(seenRequest) reply { return reply{status: 200, body: body} })
}

// plain is a result of one sample of one token.
var plain = &wire.SampleResponse{Sequences: []wire.Sequence{
	{StopReason: wire.StopReasonLength, Tokens: []int32{7}, Logprobs: []float32{-0.5}},
}}

// result makes polls answer with r at once.
func (f *fake) result(r *wire.SampleResponse) {
	b, err := r.MarshalBinary()
	if err != nil {
		f.t.Fatal(err)
	}
	f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 200, body: string(b), binary: true} })
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	seen := seenRequest{at: time.Since(f.start), method: r.Method, path: strings.TrimPrefix(r.URL.Path, "/prefix"), header: r.Header}
	if r.Body != nil {
		var err error
		if seen.raw, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(seen.raw, &seen.body); err != nil {
			f.t.Errorf("%s: %v", seen.path, err)
		}
	}
	f.mu.Lock()
	f.seen = append(f.seen, seen)
	f.mu.Unlock()
	f.answers.Lock()
	answer := f.answer[seen.path]
	f.answers.Unlock()
	if answer == nil {
		answer = func(seenRequest) reply { return reply{status: 404, body: `{"detail":"no such path"}`} }
	}
	f.mu.Lock()
	a := answer(seen)
	f.mu.Unlock()
	if a.hold > 0 {
		select {
		case <-time.After(a.hold):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if a.status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	header := http.Header{"Content-Type": {wire.MediaJSON}}
	for name, values := range a.header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	if a.binary {
		header.Set("Content-Type", wire.MediaProtobuf)
	}
	return &http.Response{
		StatusCode: a.status, Header: header, ContentLength: int64(len(a.body)),
		Body: io.NopCloser(strings.NewReader(a.body)), Request: r,
	}, nil
}

// to returns the requests to a path so far.
func (f *fake) to(path string) []seenRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []seenRequest
	for _, seen := range f.seen {
		if seen.path == path {
			list = append(list, seen)
		}
	}
	return list
}

// service returns a client of the fake that is closed with the test.
func (f *fake) service(t *testing.T, opts ...Option) *ServiceClient {
	t.Helper()
	svc, err := NewServiceClient(append([]Option{
		WithBaseURL("https://tinker.test/prefix/"), WithAPIKey(testKey), WithHTTPClient(&http.Client{Transport: f}),
		WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { svc.Close(context.WithoutCancel(t.Context())) })
	return svc
}

func (f *fake) sampling(t *testing.T, cfg SamplingClientConfig) *SamplingClient {
	t.Helper()
	if cfg.BaseModel == "" && cfg.ModelPath == "" {
		cfg.BaseModel = "org/model"
	}
	c, err := f.service(t).CreateSamplingClient(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
