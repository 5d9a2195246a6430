package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/internal/wire"
)

func TestSampleRoundTrip(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	r := sampleOf(c.newSampler(), 0)
	r.NumSamples = new(3)
	r.PromptLogprobs, r.TopKPromptLogprobs, r.TopKSampleLogprobs = true, 2, 1
	p := c.submit(r)
	if len(p.SampleSequenceIDs) != 3 || slices.Contains(p.SampleSequenceIDs[1:], p.SampleSequenceIDs[0]) {
		t.Errorf("sample_sequence_ids = %q, want 3 different ones", p.SampleSequenceIDs)
	}
	status, body := c.retrieve(p.RequestID)
	if status != 200 {
		t.Fatalf("retrieve_future: %d %s", status, body)
	}
	got, err := wire.DecodeSampleResponse(body)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Sequences); n != 3 {
		t.Fatalf("%d sequences, want 3", n)
	}
	for i, s := range got.Sequences {
		if want := []int32{int32(i + 3), 2}; !slices.Equal(s.Tokens, want) || !slices.Equal(s.Logprobs, []float32{-0.5, -0.25}) || s.StopReason != wire.StopReasonStop {
			t.Errorf("sequence %d = %+v, want tokens %v", i, s, want)
		}
		if s.TopK == nil || s.TopK.K != 1 || len(s.TopK.Rows) != 2 {
			t.Errorf("sequence %d: top-k = %+v", i, s.TopK)
		}
	}
	if lp := got.PromptLogprobs; len(lp) != 3 || !math.IsNaN(float64(lp[0])) || lp[2] != -2 {
		t.Errorf("prompt logprobs = %v, want NaN -1 -2", lp)
	}
	if k := got.TopKPromptLogprobs; k == nil || len(k.Rows) != 3 || k.Rows[0] != nil || len(k.Rows[1]) != 2 {
		t.Errorf("prompt top-k = %+v", k)
	}
	if got.PromptCacheHitTokens != 1 {
		t.Errorf("prompt_cache_hit_tokens = %d, want 1", got.PromptCacheHitTokens)
	}
}

// TestParamsReachTheEngine: what a request says, and what it leaves out.
func TestParamsReachTheEngine(t *testing.T) {
	base := engine.Request{Prompt: []int32{5, 6, 7}, NumSamples: 1, Temperature: 1, TopP: 1}
	for _, tt := range []struct {
		params string
		want   func(*engine.Request)
	}{
		{`{}`, func(*engine.Request) {}},
		{`{"max_tokens":null,"seed":null,"stop":null,"temperature":null,"top_k":null,"top_p":null}`, func(*engine.Request) {}},
		{`{"temperature":0}`, func(r *engine.Request) { r.Temperature = 0 }},
		{`{"top_k":0}`, func(*engine.Request) {}},
		{`{"top_k":-1}`, func(*engine.Request) {}},
		{`{"top_k":7}`, func(r *engine.Request) { r.TopK = 7 }},
		{`{"top_p":0.5}`, func(r *engine.Request) { r.TopP = 0.5 }},
		{`{"min_p":0.25}`, func(r *engine.Request) { r.MinP = 0.25 }},
		{`{"min_p":1}`, func(r *engine.Request) { r.MinP = 1 }},
		{`{"min_p":null}`, func(*engine.Request) {}},
		{`{"max_tokens":9}`, func(r *engine.Request) { r.MaxTokens = 9 }},
		{`{"seed":0}`, func(r *engine.Request) { r.Seed = new(uint64(0)) }},
		{`{"seed":-1}`, func(r *engine.Request) { r.Seed = new(uint64(math.MaxUint64)) }},
		{`{"seed":9223372036854775807}`, func(r *engine.Request) { r.Seed = new(uint64(math.MaxInt64)) }},
		{`{"stop":"x"}`, func(r *engine.Request) { r.Stop.Strings = []string{"x"} }},
		{`{"stop":["x","yz"]}`, func(r *engine.Request) { r.Stop.Strings = []string{"x", "yz"} }},
		{`{"stop":[7,8]}`, func(r *engine.Request) { r.Stop.Tokens = []int32{7, 8} }},
		{`{"stop":[]}`, func(r *engine.Request) { r.Stop.IgnoreEOS = true }},
		{`{"min_p":0,"logit_bias":{},"penalty":null}`, func(*engine.Request) {}},
	} {
		var got *engine.Request
		_, c := serve(t, &fakeBackend{check: func(r *engine.Request) error {
			got = r
			return nil
		}}, Limits{})
		body := fmt.Sprintf(`{"sampling_session_id":%q,"seq_id":0,"prompt":{"chunks":[{"tokens":[5,6]},{"type":"encoded_text","tokens":[7]}]},"sampling_params":%s}`,
			c.newSampler(), tt.params)
		if status, answer := c.post(wire.PathSample, body); status != 200 {
			t.Errorf("%s: %d %s", tt.params, status, answer)
			continue
		}
		want := base
		tt.want(&want)
		want.Session, want.Tenant = got.Session, got.Tenant // not the client's to say
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: engine was asked for %+v, want %+v", tt.params, *got, want)
		}
	}
}

// TestRefusedByName: 400, and the detail names the field, the value, the limit.
func TestRefusedByName(t *testing.T) {
	backend := &fakeBackend{}
	_, c := serve(t, backend, Limits{})
	id := c.newSampler()
	full := strings.Repeat("5,", fakeContext-1) + "5"
	const text = `"prompt":{"chunks":[{"type":"encoded_text","tokens":[5,6,7]}]}`
	for _, tt := range []struct {
		members string
		want    []string // in the detail
	}{
		{`"prompt":{"chunks":[{"type":"encoded_text","tokens":[5,100]}]}`, []string{"prompt", "100", "99"}},
		{`"prompt":{"chunks":[{"type":"encoded_text","tokens":[-1]}]}`, []string{"prompt", "-1", "99"}},
		{`"prompt":{"chunks":[{"type":"encoded_text","tokens":[5000000000]}]}`, []string{"prompt", "5000000000"}},
		{`"prompt":{"chunks":[{"type":"encoded_text","tokens":[5.5]}]}`, []string{"prompt", "5.5"}},
		{`"prompt":{"chunks":[]}`, []string{"prompt", "empty"}},
		{`"prompt":{"chunks":[{"type":"encoded_text","tokens":[]}]}`, []string{"prompt", "empty"}},
		{`"prompt":null`, []string{"prompt", "empty"}},
		{`"type":"sample"`, []string{"prompt", "empty"}},
		{`"prompt":{"chunks":[{"type":"encoded_text","tokens":[` + full + `]}]}`, []string{"Prompt length plus max_tokens exceeds the model's context window: 64 + 1 > 64"}},
		{text + `,"sampling_params":{"max_tokens":62}`, []string{"Prompt length plus max_tokens exceeds the model's context window: 3 + 62 > 64"}},
		{text + `,"sampling_params":{"max_tokens":9223372036854775807}`, []string{"3 + 9223372036854775807 > 64"}},
		{text + `,"sampling_params":{"max_tokens":0}`, []string{"max_tokens", "0", "1 or more"}},
		{text + `,"sampling_params":{"max_tokens":-5}`, []string{"max_tokens", "-5"}},
		{text + `,"num_samples":0`, []string{"num_samples", "0", "1024"}},
		{text + `,"num_samples":1025`, []string{"num_samples", "1025", "1024"}},
		{text + `,"num_samples":-1`, []string{"num_samples", "-1", "1024"}},
		{text + `,"sampling_params":{"temperature":-0.5}`, []string{"temperature", "-0.5"}},
		{text + `,"sampling_params":{"temperature":NaN}`, []string{"temperature", "N"}},
		{text + `,"sampling_params":{"temperature":1e999}`, []string{"temperature"}},
		{text + `,"sampling_params":{"temperature":"hot"}`, []string{"temperature", "number"}},
		{text + `,"sampling_params":{"top_p":0}`, []string{"top_p", "0", "at most 1"}},
		{text + `,"sampling_params":{"top_p":2}`, []string{"top_p", "2", "at most 1"}},
		{text + `,"sampling_params":{"top_p":-0.1}`, []string{"top_p", "-0.1"}},
		{text + `,"sampling_params":{"top_k":-2}`, []string{"top_k", "-2"}},
		{text + `,"sampling_params":{"stop":["x",7]}`, []string{"stop"}},
		{text + `,"sampling_params":{"stop":7}`, []string{"stop"}},
		{text + `,"sampling_params":{"stop":[""]}`, []string{"stop[0]", "1024"}},
		{text + `,"sampling_params":{"stop":""}`, []string{"stop", "1024"}},
		{text + `,"sampling_params":{"stop":["` + strings.Repeat("x", 1025) + `"]}`, []string{"stop[0]", "1025", "1024"}},
		{text + `,"sampling_params":{"stop":[` + strings.Repeat("7,", 64) + `7]}`, []string{"stop", "65", "64"}},
		{text + `,"sampling_params":{"min_p":-0.1}`, []string{"sampling_params.min_p", "-0.1", "to 1"}},
		{text + `,"sampling_params":{"min_p":1.5}`, []string{"sampling_params.min_p", "1.5", "to 1"}},
		{text + `,"sampling_params":{"min_p":"x"}`, []string{"sampling_params.min_p", "a number"}},
		{text + `,"sampling_params":{"repetition_penalty":1.1}`, []string{"sampling_params.repetition_penalty", "does not know"}},
		{text + `,"sampling_params":{"logit_bias":{"5":-100}},"grammar":"x"`, []string{"grammar, sampling_params.logit_bias"}},
		{`"prompt":{"chunks":[{"tokens":[5]}]},"prompt_logprobs":true,"prompt_logprobs_last_n":1`, []string{"prompt_logprobs_last_n = 1", "one token", "leave it out"}},
		{text + `,"n":2`, []string{"n:"}},
		{text + `,"prompt_logprobs":true,"prompt_logprobs_last_n":0`, []string{"prompt_logprobs_last_n", "0", "1 to 2"}},
		{text + `,"prompt_logprobs":true,"prompt_logprobs_last_n":3`, []string{"prompt_logprobs_last_n", "3", "1 to 2"}},
		{text + `,"prompt_logprobs_last_n":1`, []string{"prompt_logprobs_last_n", "1", "needs prompt_logprobs"}},
		{text + `,"target_prompt_logprobs":{"data":[1,2],"dtype":"int64"}`, []string{"target_prompt_logprobs.shape", "2 dimensions"}},
		{text + `,"target_prompt_logprobs":{"data":[1,2,3],"dtype":"int64","shape":[3,1]}`, []string{"target_prompt_logprobs.shape", "[3 1]", "2 rows"}},
		{text + `,"target_prompt_logprobs":{"data":[1,2],"dtype":"float32","shape":[2,1]}`, []string{"target_prompt_logprobs.dtype", "float32", "int64"}},
		{text + `,"target_prompt_logprobs":{"data":[1,-2],"dtype":"int64","shape":[2,1]}`, []string{"target_prompt_logprobs.data[1]", "-2"}},
		{text + `,"target_prompt_logprobs":{"data":[1,4294967296],"dtype":"int64","shape":[2,1]}`, []string{"target_prompt_logprobs.data[1]", "4294967296"}},
		{text + `,"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[2,4],"sparse_crow_indices":[0,1,1],"sparse_col_indices":[4]}`, []string{"target_prompt_logprobs", "sparse_col_indices"}},
		{text + `,"model_path":"tinker://x/sampler_weights/y"`, []string{"model_path", "tinker://x"}},
		{text + `,"base_model":"Other/Model"`, []string{"base_model", "Other/Model", fakeName}},
		{`"prompt":{"chunks":[{"type":"encoded_text","tokens":[5]},{"type":"image","data":"aGk=","format":"png"}]}`, []string{"prompt.chunks[1]", "image"}},
		{`"prompt":{"chunks":[{"type":"image_asset_pointer","location":"x","format":"png"}]}`, []string{"prompt.chunks[0]", "image_asset_pointer"}},
		{`"prompt":{"chunks":[{"type":"dmel","dmel":"aGk="}]}`, []string{"prompt.chunks[0]", "dmel"}},
		{`"prompt":{"chunks":[{"type":"video"}]}`, []string{"video"}},
	} {
		r := request("POST", wire.PathSample, fmt.Sprintf(`{"sampling_session_id":%q,"seq_id":0,%s}`, id, tt.members))
		answer := c.do(r)
		status, body := read(t, answer)
		if status != 400 {
			t.Errorf("%.90s: status %d %s, want 400", tt.members, status, body)
			continue
		}
		if answer.ContentLength < 1 || answer.Header.Get("Content-Length") == "" {
			t.Errorf("%.90s: a 400 without a length", tt.members)
		}
		for _, part := range tt.want {
			if got := detail(t, body); !strings.Contains(got, part) {
				t.Errorf("%.90s: detail %q does not say %q", tt.members, got, part)
			}
		}
	}
	if n := backend.calls.Load(); n != 0 {
		t.Errorf("%d of the refused requests were sampled", n)
	}
}

func TestBodiesThatAreNoRequest(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	id := c.newSampler()
	for _, tt := range []struct {
		body   string
		status int
		want   string
	}{
		{`not json`, 400, "body"},
		{``, 400, ""},
		{`[]`, 400, "object"},
		{`{"sampling_session_id":"x"`, 400, "early"},
		{`{"seq_id":0}`, 400, "sampling_session_id"},
		{`{"sampling_session_id":"` + id + `"}`, 400, "seq_id"},
		{`{"sampling_session_id":"` + id + `","seq_id":-1}`, 400, "-1"},
		{`{"sampling_session_id":"` + id + `","seq_id":9223372036854775808}`, 400, "seq_id"},
		{`{"sampling_session_id":"nobody:sample:0","seq_id":0}`, 404, "nobody:sample:0"},
		{"{\"sampling_session_id\":\"\xff\"}", 400, ""},
		{strings.Repeat("[", 20_000), 400, ""},
	} {
		status, body := c.post(wire.PathSample, tt.body)
		if status != tt.status || !strings.Contains(detail(t, body), tt.want) {
			t.Errorf("%.60q: %d %s, want %d and %q", tt.body, status, body, tt.status, tt.want)
		}
	}
}

func TestResubmissionSamplesOnce(t *testing.T) {
	release := make(chan struct{})
	backend := &fakeBackend{sample: blocked(release)}
	s, c := serve(t, backend, Limits{})
	r := sampleOf(c.newSampler(), 1_000_000_000_000_000_003) // beyond what a float64 holds
	first := c.submit(r)

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if again := c.submit(r); !reflect.DeepEqual(again, first) {
				t.Errorf("resubmitted: %+v, want %+v", again, first)
			}
		})
	}
	wg.Wait()
	close(release)
	for range 2 { // and a result may be fetched again
		if status, body := c.retrieve(first.RequestID); status != 200 {
			t.Errorf("retrieve: %d %s", status, body)
		}
	}
	if again := c.submit(r); !reflect.DeepEqual(again, first) {
		t.Errorf("resubmitted after the end: %+v, want %+v", again, first)
	}
	if n := backend.calls.Load(); n != 1 {
		t.Errorf("sampled %d times, want once", n)
	}
	if n := s.Counts(); n.Started != 1 || n.Repeated != 9 || n.Results != 1 || n.Samples != 0 {
		t.Errorf("counted %+v", n)
	}
}

func TestSameIdentityOtherRequestIsConflict(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	r := sampleOf(c.newSampler(), 4)
	c.submit(r)
	r.SamplingParams.Temperature = new(0.5)
	if status, body := c.post(wire.PathSample, r); status != 422 || !strings.Contains(detail(t, body), "seq_id 4") {
		t.Errorf("%d %s, want 422 about seq_id 4", status, body)
	}
}

// TestIdentityIgnoresLayout: the same request with other blanks, or with unknown
// members that ask for nothing, is the same.
func TestIdentityIgnoresLayout(t *testing.T) {
	backend := &fakeBackend{}
	_, c := serve(t, backend, Limits{})
	id := c.newSampler()
	for _, body := range []string{
		`{"sampling_session_id":"` + id + `","seq_id":0,"prompt":{"chunks":[{"tokens":[5],"type":"encoded_text"}]},"num_samples":1}`,
		`{ "num_samples" : 1, "prompt": {"chunks":[{"type":"encoded_text","tokens":[ 5 ]}]}, "seq_id": 0, "sampling_session_id":"` + id + `"}`,
		`{"sampling_session_id":"` + id + `","seq_id":0,"prompt":{"chunks":[{"tokens":[5],"type":"encoded_text"}]},"num_samples":1,` +
			`"grammar":null,"logit_bias":{},"echo":false,"best_of":0,"user":"","sampling_params":{"min_p":0.0,"bad_words":[]}}`,
	} {
		if status, answer := c.post(wire.PathSample, body); status != 200 {
			t.Errorf("%d %s", status, answer)
		}
	}
	if status, _ := c.retrieve(id + ":0"); status != 200 {
		t.Errorf("retrieve: %d", status)
	}
	if n := backend.calls.Load(); n != 1 {
		t.Errorf("sampled %d times, want once", n)
	}
}

// TestFailures: a sample that failed is a result, and its category says whose
// fault it is.
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name     string
		sample   func(context.Context, *engine.Request) (*engine.Result, error)
		category string
		want     string
	}{
		{"argument", fails(&engine.ArgumentError{Field: "prompt", Value: 3, Reason: "too odd"}), "user", "too odd"},
		{"not finite", fails(&engine.NonFiniteError{Position: 7}), "server", "position 7"},
		{"not finite, advice", fails(&engine.NonFiniteError{Position: 7}), "server", "another prompt"},
		{"closed", fails(engine.ErrClosed), "server", "make a new service client and send the sample again"},
		{"engine panic", fails(&engine.PanicError{Value: "secret"}), "server", "internal error"},
		{"other", fails(errors.New("disk on fire")), "server", "disk on fire"},
		{"panic", func(context.Context, *engine.Request) (*engine.Result, error) { panic("secret") }, "server", "internal error"},
		{"no result", fails(nil), "server", "1 sequences"},
		{"wrong lengths", func(_ context.Context, r *engine.Request) (*engine.Result, error) {
			res := fakeResult(r)
			res.Sequences[0].Logprobs = res.Sequences[0].Logprobs[:1]
			return res, nil
		}, "server", "1 log probabilities for 2 tokens"},
		{"no prompt logprobs", func(_ context.Context, r *engine.Request) (*engine.Result, error) {
			res := fakeResult(r)
			res.PromptLogprobs = nil
			return res, nil
		}, "server", "0 prompt log probabilities for 3 tokens"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, c := serve(t, &fakeBackend{sample: tt.sample}, Limits{})
			r := sampleOf(c.newSampler(), 0)
			r.PromptLogprobs = true
			status, body := c.retrieve(c.submit(r).RequestID)
			if status != 200 {
				t.Fatalf("%d %s, want 200", status, body)
			}
			answer, err := wire.DecodeFutureAnswer(body)
			if err != nil {
				t.Fatal(err)
			}
			failed, ok := answer.(*wire.FailedFuture)
			if !ok || failed.Category != tt.category || !strings.Contains(failed.Error, tt.want) || strings.Contains(failed.Error, "secret") {
				t.Errorf("got %#v, want category %q and %q", answer, tt.category, tt.want)
			}
		})
	}
}

func fails(err error) func(context.Context, *engine.Request) (*engine.Result, error) {
	return func(context.Context, *engine.Request) (*engine.Result, error) { return nil, err }
}

// TestPanicInCheckIsOneRequest: 500 for it, and the next one is served.
func TestPanicInCheckIsOneRequest(t *testing.T) {
	backend := &fakeBackend{}
	_, c := serve(t, backend, Limits{})
	id := c.newSampler()
	backend.check = func(*engine.Request) error { panic("boom") }
	if status, body := c.post(wire.PathSample, sampleOf(id, 0)); status != 500 || strings.Contains(detail(t, body), "boom") {
		t.Errorf("%d %s, want 500 without the panic's text", status, body)
	}
	backend.check = nil
	c.submit(sampleOf(id, 0))
}

func TestRequestsRunBesideEachOther(t *testing.T) {
	var wg sync.WaitGroup
	wg.Add(8)
	all := make(chan struct{})
	go func() { wg.Wait(); close(all) }()
	_, c := serve(t, &fakeBackend{sample: func(ctx context.Context, r *engine.Request) (*engine.Result, error) {
		wg.Done()
		return blocked(all)(ctx, r) // returns only once all eight run
	}}, Limits{})
	id := c.newSampler()
	for i := range int64(8) {
		c.submit(sampleOf(id, i))
	}
	for i := range int64(8) {
		if status, body := c.retrieve(requestID(id, i)); status != 200 {
			t.Errorf("sample %d: %d %s", i, status, body)
		}
	}
}

func TestPushBack(t *testing.T) {
	release := make(chan struct{})
	_, c := serve(t, &fakeBackend{sample: blocked(release)}, Limits{Queued: 2})
	id := c.newSampler()
	c.submit(sampleOf(id, 0))
	c.submit(sampleOf(id, 1))
	if status, body := c.post(wire.PathSample, sampleOf(id, 2)); status != 429 || !strings.Contains(detail(t, body), "2 samples") {
		t.Errorf("third sample: %d %s, want 429", status, body)
	}
	c.submit(sampleOf(id, 1)) // what is known is not pushed back
	close(release)
	c.retrieve(requestID(id, 0))
	c.submit(sampleOf(id, 2))
}

func TestPushBackByBytes(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	_, c := serve(t, &fakeBackend{sample: blocked(release)}, Limits{QueuedBytes: 10})
	id := c.newSampler()
	c.submit(sampleOf(id, 0)) // one always fits
	if status, body := c.post(wire.PathSample, sampleOf(id, 1)); status != 429 || !strings.Contains(detail(t, body), "limit is 10") {
		t.Errorf("second sample: %d %s, want 429", status, body)
	}
}

func TestCancelStopsTheSample(t *testing.T) {
	stopped := make(chan error, 1)
	_, c := serve(t, &fakeBackend{sample: func(ctx context.Context, _ *engine.Request) (*engine.Result, error) {
		<-ctx.Done()
		stopped <- context.Cause(ctx)
		return nil, errors.New("interrupted")
	}}, Limits{})
	id := c.newSampler()
	p := c.submit(sampleOf(id, 0))
	if status, body := c.post(wire.PathCancelFuture, wire.CancelFutureRequest{RequestID: p.RequestID}); status != 200 {
		t.Fatalf("cancel_future: %d %s", status, body)
	}
	if err := <-stopped; !errors.Is(err, errCancelled) {
		t.Errorf("the sample ended with %v", err)
	}
	if _, body := c.retrieve(p.RequestID); !strings.Contains(string(body), "cancelled") || !strings.Contains(string(body), `"user"`) {
		t.Errorf("retrieve: %s", body)
	}
	for _, unknown := range []string{"", "x", "a:sample:0:0", id + ":9"} {
		if status, _ := c.post(wire.PathCancelFuture, wire.CancelFutureRequest{RequestID: unknown}); status != 200 {
			t.Errorf("cancel of %q: %d, want 200", unknown, status)
		}
	}
}

func TestFinishStopsTheSession(t *testing.T) {
	_, c := serve(t, &fakeBackend{sample: blocked(nil)}, Limits{})
	session := c.session()
	id := c.sampler(session, 0)
	c.submit(sampleOf(id, 0))
	answered := make(chan string)
	go func() {
		_, body := c.retrieve(requestID(id, 0))
		answered <- string(body)
	}()
	finish := "/api/v1/sessions/" + session + "/finish"
	for range 2 { // again is no error
		if status, body := c.post(finish, `{"reason":{"type":"success"},"detail":null}`); status != 200 {
			t.Fatalf("finish: %d %s", status, body)
		}
	}
	if got := <-answered; !strings.Contains(got, "finished") {
		t.Errorf("the waiting poll got %s", got)
	}
	for name, status := range map[string]int{
		"asample":   first(c.post(wire.PathSample, sampleOf(id, 1))),
		"retrieve":  first(c.retrieve(requestID(id, 0))),
		"sampler":   first(c.get("/api/v1/samplers/" + id)),
		"new":       first(c.post(wire.PathCreateSamplingSession, wire.CreateSamplingSessionRequest{SessionID: session, BaseModel: fakeName})),
		"heartbeat": first(c.post(wire.PathSessionHeartbeat, wire.SessionHeartbeat{SessionID: session})) - 410 + 404,
	} {
		if status != 404 {
			t.Errorf("%s after the end of its session: %d", name, status)
		}
	}
	if status, _ := c.post("/api/v1/sessions/nobody/finish", ``); status != 404 {
		t.Errorf("finish of an unknown session: %d, want 404", status)
	}
}

func first(status int, _ []byte) int { return status }

func TestCloseEndsAllWork(t *testing.T) {
	s, c := serve(t, &fakeBackend{sample: blocked(nil)}, Limits{})
	id := c.newSampler()
	c.submit(sampleOf(id, 0))
	answered := make(chan string)
	go func() {
		_, body := c.retrieve(requestID(id, 0))
		answered <- string(body)
	}()
	// The poll may come before or after the end; it is answered either way.
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-answered; !strings.Contains(got, "shut down") {
		t.Errorf("the waiting poll got %s", got)
	}
	if status, body := c.post(wire.PathCreateSession, `{}`); status != http.StatusServiceUnavailable {
		t.Errorf("create_session after Close: %d %s, want 503", status, body)
	}
}

func TestCloseKeepsToItsContext(t *testing.T) {
	release := make(chan struct{})
	s, c := serve(t, &fakeBackend{sample: func(_ context.Context, r *engine.Request) (*engine.Result, error) {
		<-release // deaf to its context
		return fakeResult(r), nil
	}}, Limits{})
	c.submit(sampleOf(c.newSampler(), 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v, want the context's end", err)
	}
	close(release)
}

// TestTooLittleCache: a request that the KV cache has no room for is told how much
// it needs, how much there is, and where to set that; one that leaves max_tokens
// out gets what there is room for.
func TestTooLittleCache(t *testing.T) {
	e, err := engine.Open(testmodel.Tiny(t, tinymodel.Options{}), engine.Options{KVTokens: 64, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, c := serve(t, e, Limits{})
	r := sampleOf(c.newSampler(), 0)
	r.SamplingParams.MaxTokens = new(100)
	status, body := c.post(wire.PathSample, r)
	text := detail(t, body)
	for _, want := range []string{"max_tokens = 100", "160 tokens", "one of 64", fmt.Sprint(e.KVBytes() / 2 * 5), "--memory"} {
		if status != 400 || !strings.Contains(text, want) {
			t.Errorf("%d %s, want 400 with %q", status, text, want)
		}
	}
	r.SamplingParams.MaxTokens = nil
	r.SamplingParams.Stop = wire.Stop{Kind: wire.StopNever}
	if status, body := c.retrieve(c.submit(r).RequestID); status != 200 {
		t.Errorf("without max_tokens: %d %s", status, body)
	}
}
