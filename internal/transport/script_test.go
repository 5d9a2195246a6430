package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tinsmith.example/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A step is how the scripted server meets one request.
type step struct {
	status int // 0: no answer
	body   string
	header http.Header
	hold   time.Duration // before the answer
	times  int           // how often; 0: once
	err    error         // with status 0
}

// A sighting is a request that the scripted server saw.
type sighting struct {
	at     time.Duration // since the server began
	path   string
	header http.Header
	body   map[string]any
}

// A script is a server that misbehaves as told: per path, step after step. It
// is reached without a network, so that tests can run on virtual time.
type script struct {
	t     *testing.T
	start time.Time

	mu    sync.Mutex
	steps map[string][]step
	seen  []sighting
}

func newScript(t *testing.T, steps map[string][]step) *script {
	return &script{t: t, start: time.Now(), steps: steps}
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	st := s.next(r)
	if st.hold > 0 {
		select {
		case <-time.After(st.hold):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if st.status == 0 {
		return nil, cmpOr(st.err, errors.New("connection reset by peer"))
	}
	header := http.Header{"Content-Type": {wire.MediaJSON}}
	for name, values := range st.header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	return &http.Response{
		StatusCode: st.status, Header: header, ContentLength: int64(len(st.body)),
		Body: io.NopCloser(bytes.NewReader([]byte(st.body))), Request: r,
	}, nil
}

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (s *script) next(r *http.Request) step {
	seen := sighting{at: time.Since(s.start), path: r.URL.Path, header: r.Header}
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			s.t.Error(err)
		}
		if err := json.Unmarshal(data, &seen.body); err != nil {
			s.t.Errorf("%s: %v in %q", r.URL.Path, err, data)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, seen)
	steps := s.steps[r.URL.Path]
	if len(steps) == 0 {
		s.t.Errorf("unexpected request number %d to %s", len(s.seen), r.URL.Path)
		return step{status: 418}
	}
	if steps[0].times > 1 {
		steps[0].times--
	} else {
		s.steps[r.URL.Path] = steps[1:]
	}
	return steps[0]
}

// to returns the requests to a path.
func (s *script) to(path string) []sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []sighting
	for _, seen := range s.seen {
		if seen.path == path {
			list = append(list, seen)
		}
	}
	return list
}

// times are when requests to a path came.
func (s *script) times(path string) []time.Duration {
	var list []time.Duration
	for _, seen := range s.to(path) {
		list = append(list, seen.at)
	}
	return list
}

// allDone fails the test if steps are left.
func (s *script) allDone() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, steps := range s.steps {
		if len(steps) > 0 {
			s.t.Errorf("%d steps of %s never happened: %+v", len(steps), path, steps)
		}
	}
}

func (s *script) client(t *testing.T) *Client {
	t.Helper()
	c, err := New(Config{
		BaseURL: "https://tinker.test/prefix/", APIKey: "tml-test", UserAgent: "test", HTTP: &http.Client{Transport: s},
		BillingPause: time.Hour, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.burst = nil // so that times are exact
	return c
}

const (
	submitPath = "/prefix" + wire.PathSample
	pollPath   = "/prefix" + wire.PathRetrieveFuture
	healthPath = "/prefix" + wire.PathHealthz
)

// sampler makes a sampler with the API's retry defaults but no jitter.
func (s *script) sampler(t *testing.T, change func(*SamplerConfig)) *Sampler {
	t.Helper()
	cfg := SamplerConfig{
		SamplingSessionID: "session:sample:0", Gate: NewGate(0, 0),
		Retry: RetryConfig{MaxConcurrent: 2000, ProgressTimeout: 2 * time.Hour,
			BaseDelay: 500 * time.Millisecond, MaxDelay: 10 * time.Second, Retryable: Retryable},
	}
	if change != nil {
		change(&cfg)
	}
	return s.client(t).NewSampler(cfg)
}

func sample(ctx context.Context, s *Sampler) (*Sampled, error) {
	return s.Sample(ctx, SampleCall{Op: "SamplingClient.Sample", Request: &wire.SampleRequest{}, PromptBytes: 40})
}

// promised is the answer to asample.
var promised = step{status: 200, body: `{"request_id":"r:0","sample_sequence_ids":["r:0:0"]}`}

// result is the answer that ends a poll.
func result(t *testing.T) step {
	t.Helper()
	b, err := (&wire.SampleResponse{Sequences: []wire.Sequence{
		{StopReason: wire.StopReasonStop, Tokens: []int32{7}, Logprobs: []float32{-1}},
	}}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return step{status: 200, body: string(b), header: http.Header{"Content-Type": {wire.MediaProtobuf}}}
}

var pending = step{status: 408, body: `{"type":"try_again","request_id":"r:0","queue_state":"active"}`, hold: 30 * time.Second}
