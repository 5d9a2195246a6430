package server

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// TestRecordedPromptScores: what the official client was seen to ask about
// prompts reaches the engine, and its answer becomes the message that the client
// was seen to read.
func TestRecordedPromptScores(t *testing.T) {
	const none = -1
	nan := float32(math.NaN())
	for _, tt := range []struct {
		name   string
		asked  func(*engine.Request) any
		want   any
		result engine.Result
	}{
		{"29-*-target-prompt-logprobs-dense", func(r *engine.Request) any { return r.TargetPromptTokens },
			[][]int32{{11, none}, {1879, 13}, {none, 0}},
			engine.Result{TargetPromptLogprobs: [][]float32{{-1.5, 0}, {-2.5, -3}, {0, -0.5}}}},
		{"30-*-target-prompt-logprobs-sparse", func(r *engine.Request) any { return r.TargetPromptTokens },
			[][]int32{{}, {}, {42}},
			engine.Result{TargetPromptLogprobs: [][]float32{{}, {}, {-0.5}}}},
		{"31-*-prompt-alt-tokens", func(r *engine.Request) any { return r.PromptAltTokensK },
			2,
			engine.Result{PromptAltTokens: [][]engine.TokenLogprob{
				{{ID: 11, Logprob: -0.2}, {ID: 13, Logprob: -2.5}}, {{ID: 1879, Logprob: -0.75}, {ID: 5, Logprob: -4}}, {{ID: 0, Logprob: -0.1}, {ID: 7, Logprob: -6}}}}},
		{"32-*-prompt-logprobs-last-n", func(r *engine.Request) any { return r.PromptLogprobsLastN },
			2,
			engine.Result{PromptLogprobs: []float32{nan, nan, -0.75, -11.1}, CacheHitTokens: 2}},
		{"55-*-compute-logprobs-last-n", func(r *engine.Request) any { return r.PromptLogprobsLastN },
			2,
			engine.Result{PromptLogprobs: []float32{nan, nan, -0.75, -11.1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.result.Sequences = []engine.Sequence{{Tokens: []int32{13}, Logprobs: []float32{-3.5}, Stop: engine.StopLength}}
			var got any
			backend := &fakeBackend{
				check: func(*engine.Request) error { return nil },
				sample: func(_ context.Context, r *engine.Request) (*engine.Result, error) {
					got = tt.asked(r)
					return &tt.result, nil
				},
			}
			_, c := serve(t, backend, Limits{})
			id := c.newSampler()
			body := recorded(t, strings.Replace(tt.name, "*", "asample", 1)).Request.Body
			body["sampling_session_id"], body["seq_id"] = id, 0
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			promise := must[wire.Promise](c, wire.PathSample, string(text))
			status, answer := c.retrieve(promise.RequestID)
			if status != 200 {
				t.Fatalf("%d %s", status, answer)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("the engine was asked for %v, want %v", got, tt.want)
			}
			if want := recorded(t, strings.Replace(tt.name, "*", "retrieve", 1)).Response.Binary; !bytes.Equal(again(t, answer), again(t, want)) {
				t.Errorf("got the message\n%x\nwant\n%x", again(t, answer), again(t, want))
			}
			r := request("POST", wire.PathRetrieveFuture, `{"request_id":"`+promise.RequestID+`"}`)
			r.Header.Set("Accept", "application/json")
			status, plain := read(t, c.do(r))
			var members map[string]any
			if err := json.Unmarshal(plain, &members); status != 200 || err != nil {
				t.Fatalf("as JSON: %d, %v in %s", status, err, plain)
			}
			for member, asked := range map[string]bool{
				"target_prompt_logprobs": tt.result.TargetPromptLogprobs != nil, "prompt_alt_tokens": tt.result.PromptAltTokens != nil,
				"prompt_logprobs": tt.result.PromptLogprobs != nil,
			} {
				if _, ok := members[member]; ok != asked {
					t.Errorf("as JSON, %s is there: %v, want %v", member, ok, asked)
				}
			}
		})
	}
}

type exchange struct {
	Request  struct{ Body map[string]any }
	Response struct {
		Binary []byte `json:"body_base64"`
	}
}

func recorded(t *testing.T, name string) (e exchange) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../wire/testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// again is a message in the form that this server writes.
func again(t *testing.T, binary []byte) []byte {
	t.Helper()
	r, err := wire.DecodeSampleResponse(binary)
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestScoresOfWrongLengthFail: a backend that forgets some fails the sample.
func TestScoresOfWrongLengthFail(t *testing.T) {
	for name, spoil := range map[string]func(*engine.Result){
		"rows of target":      func(r *engine.Result) { r.TargetPromptLogprobs = r.TargetPromptLogprobs[:1] },
		"target log":          func(r *engine.Result) { r.TargetPromptLogprobs[1] = r.TargetPromptLogprobs[1][:1] },
		"rows of alternative": func(r *engine.Result) { r.PromptAltTokens = nil },
		"alternative tokens":  func(r *engine.Result) { r.PromptAltTokens[0] = nil },
	} {
		_, c := serve(t, &fakeBackend{sample: func(_ context.Context, r *engine.Request) (*engine.Result, error) {
			res := fakeResult(r)
			spoil(res)
			return res, nil
		}}, Limits{})
		r := sampleOf(c.newSampler(), 0)
		r.PromptAltTokensK = 2
		r.TargetPromptLogprobs = &wire.Tensor{DType: wire.Int64, Ints: []int64{1, 2, 3, -1}, Shape: []int64{2, 2}}
		if _, body := c.retrieve(c.submit(r).RequestID); !strings.Contains(string(body), name) {
			t.Errorf("%s: %s", name, body)
		}
	}
}

// TestTenants: without a key of its own a server keeps apart who has different
// ones; with one, all that have it are the same.
func TestTenants(t *testing.T) {
	tenantOf := func(s *Server, key string) string {
		r := request("POST", wire.PathSample, "")
		r.Header.Set(wire.HeaderAPIKey, key)
		return s.tenant(r)
	}
	open, _ := serve(t, &fakeBackend{}, Limits{})
	if a, b, again := tenantOf(open, "tml-a"), tenantOf(open, "tml-b"), tenantOf(open, "tml-a"); a == b || a != again {
		t.Error("tenants do not follow the keys")
	}
	if strings.Contains(tenantOf(open, "tml-a"), "tml") {
		t.Error("the key itself is handed on")
	}
	keyed := &Server{guard: newGuard(&Config{Key: "tml-a"})}
	if tenantOf(keyed, "tml-a") != "" {
		t.Error("the one key is a tenant of its own")
	}
}
