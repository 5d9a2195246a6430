package bench

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tinsmith.example/tinker"
)

// A call is what a fake server was asked.
type call struct{ method, path, body string }

// fakeServer answers each path with a text, and tells what it was asked last.
func fakeServer(t *testing.T, answers map[string]string) (url string, last *call) {
	last = new(call)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*last = call{r.Method, r.URL.Path, string(body)}
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return s.URL, last
}

// want compares a body with JSON, in whatever order its members are.
func (c *call) want(t *testing.T, path, body string) {
	t.Helper()
	if c.method != http.MethodPost || c.path != path {
		t.Errorf("%s %s, want POST %s", c.method, c.path, path)
	}
	var got, want any
	if err := json.Unmarshal([]byte(c.body), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got) // members in the order of their names
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("%s\ngot  %s\nwant %s", path, a, b)
	}
}

var (
	greedy = Job{Prompt: []int32{5, 6}, Samples: 1, MaxTokens: 3}
	group  = Job{Prompt: []int32{5, 6}, Samples: 2, MaxTokens: 3, Temperature: 1}
	score  = Job{Prompt: []int32{5, 6, 7}, Score: true}
)

// wantTokens runs a job and holds the tokens that came against those wanted.
func wantTokens(t *testing.T, r runner, j Job, want int) {
	t.Helper()
	if got, err := r.run(t.Context(), j); got != want || err != nil {
		t.Errorf("%+v: got %d, %v, want %d", j, got, err, want)
	}
}

func TestLlamaIsAskedForTheModelsOwnDistribution(t *testing.T) {
	answers := map[string]string{"/health": `{"status":"ok"}`, "/completion": `{"tokens_predicted":3,"content":"abc"}`}
	url, last := fakeServer(t, answers)
	p, err := NewLlama(t.Context(), url+"/") // a slash at the end is as good as none
	if err != nil {
		t.Fatal(err)
	}
	wantTokens(t, p, greedy, 3)
	last.want(t, "/completion", `{"prompt":[5,6],"n_predict":3,"temperature":0,"top_k":0,"top_p":1,"min_p":0,
		"ignore_eos":true,"n_probs":1,"cache_prompt":true}`)

	answers["/completion"] = `[{"tokens_predicted":3},{"tokens_predicted":2}]`
	wantTokens(t, p, group, 5)
	last.want(t, "/completion", `{"prompt":[5,6],"n_predict":3,"temperature":1,"top_k":0,"top_p":1,"min_p":0,
		"ignore_eos":true,"n_probs":1,"cache_prompt":true,"n_cmpl":2}`)

	answers["/completion"] = `{"tokens_predicted":3}`
	if _, err := p.run(t.Context(), group); err == nil || !strings.Contains(err.Error(), "n_cmpl") {
		t.Errorf("one answer for two samples: %v", err)
	}
	for _, l := range Loads() {
		if got, want := p.can(&l), l.Name != "score16"; got != want {
			t.Errorf("%s: can = %v", l.Name, got)
		}
	}
}

func TestVLLMIsAskedForTheModelsOwnDistribution(t *testing.T) {
	answers := map[string]string{
		"/v1/models":      `{"object":"list","data":[{"id":"smol"},{"id":"other"}]}`,
		"/v1/completions": `{"usage":{"prompt_tokens":2,"completion_tokens":6}}`,
	}
	url, last := fakeServer(t, answers)
	p, err := NewVLLM(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	wantTokens(t, p, group, 6)
	last.want(t, "/v1/completions", `{"model":"smol","prompt":[5,6],"n":2,"max_tokens":3,"temperature":1,"top_p":1,
		"top_k":-1,"min_p":0,"ignore_eos":true,"logprobs":0}`)

	answers["/v1/completions"] = `{"choices":[{"prompt_logprobs":[null,{"6":{"logprob":-1}},{"7":{"logprob":-2}}]}]}`
	wantTokens(t, p, score, 3)
	last.want(t, "/v1/completions", `{"model":"smol","prompt":[5,6,7],"max_tokens":1,"temperature":1,"prompt_logprobs":0}`)
	if !p.can(&Loads()[3]) {
		t.Error("it cannot score")
	}

	answers["/v1/completions"] = `{"choices":[{"prompt_logprobs":null}]}`
	var failed *PeerError
	if _, err := p.run(t.Context(), score); !errors.As(err, &failed) || failed.URL != url {
		t.Errorf("no log probabilities: %v", err)
	}
	answers["/v1/models"] = `{"data":[]}`
	if _, err := NewVLLM(t.Context(), url); err == nil || !strings.Contains(err.Error(), "no model") {
		t.Errorf("no model: %v", err)
	}
}

// sampler is a server of the Tinker API, seen from the SDK.
type sampler struct {
	got     *tinker.SampleRequest
	fail    error
	scored  int // tokens of the last prompt that was scored
	answers tinker.SampleResponse
}

func (s *sampler) Sample(_ context.Context, r *tinker.SampleRequest) (*tinker.SampleResponse, error) {
	s.got = r
	return &s.answers, s.fail
}

func (s *sampler) ComputeLogprobs(_ context.Context, m tinker.ModelInput, _ ...tinker.LogprobsOption) (tinker.Logprobs, error) {
	s.scored = m.Len()
	return make(tinker.Logprobs, m.Len()), s.fail
}

func TestTinkerIsAskedThroughTheSDK(t *testing.T) {
	s := &sampler{answers: tinker.SampleResponse{Sequences: []tinker.Sequence{{Tokens: []int32{1, 2, 3}}, {Tokens: []int32{4, 5}}}}}
	p := NewTinker("http://there", s)
	wantTokens(t, p, group, 5)
	if g := s.got; g.NumSamples != 2 || g.Params.MaxTokens != 3 || *g.Params.Temperature != 1 || g.Prompt.Len() != 2 {
		t.Errorf("asked %+v", g)
	}
	wantTokens(t, p, greedy, 5)
	if temperature := s.got.Params.Temperature; temperature == nil || *temperature != 0 { // nil would mean 1
		t.Errorf("temperature %v, want 0", temperature)
	}
	wantTokens(t, p, score, 3)
	if s.scored != 3 {
		t.Errorf("scored %d tokens", s.scored)
	}
	s.fail = errors.New("enough")
	if _, err := p.run(t.Context(), score); !errors.Is(err, s.fail) || !strings.Contains(err.Error(), "http://there") {
		t.Errorf("got %v", err)
	}
}

// TestPeersThatDoNotAnswerAreNamed: the error says who, where, what was
// expected, and what came.
func TestPeersThatDoNotAnswerAreNamed(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	page, _ := fakeServer(t, map[string]string{"/health": "<html>", "/v1/models": "<html>"})
	empty, _ := fakeServer(t, nil)
	for _, tt := range []struct {
		name, url string
		want      string // what came
	}{
		{"nobody", closed.URL, "connection refused"},
		{"a page in HTML", page, "not the JSON"},
		{"another server", empty, "404 Not Found"},
	} {
		_, llamaErr := NewLlama(t.Context(), tt.url)
		_, vllmErr := NewVLLM(t.Context(), tt.url)
		for _, got := range []struct {
			err        error
			kind, call string
		}{{llamaErr, "llama", "GET /health"}, {vllmErr, "vllm", "GET /v1/models"}} {
			var failed *PeerError
			if !errors.As(got.err, &failed) || failed.Kind != got.kind || failed.URL != tt.url {
				t.Errorf("%s: got %v, want a PeerError of %s at %s", tt.name, got.err, got.kind, tt.url)
				continue
			}
			for _, part := range []string{got.call, tt.url, tt.want} {
				if !strings.Contains(got.err.Error(), part) {
					t.Errorf("%s: %q does not say %q", tt.name, got.err, part)
				}
			}
		}
	}
}

// TestInterruptionIsNoFaultOfAPeer: when the context ends, its cause comes back.
func TestInterruptionIsNoFaultOfAPeer(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		cancel(enough)
		<-r.Context().Done()
	}))
	defer s.Close()
	_, err := (&llama{newServer("llama", s.URL, "llama-server")}).run(ctx, greedy)
	var failed *PeerError
	if !errors.Is(err, enough) || errors.As(err, &failed) {
		t.Errorf("got %v, want %v", err, enough)
	}
}
