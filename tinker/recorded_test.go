package tinker

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tinsmith.example/internal/wire"
)

// A vector is a recorded request of the official client with the answer it took.
type vector struct {
	Name    string
	Request struct {
		Method, Path string
		Headers      map[string]string // names in lower case
		Body         any
	}
	Response struct {
		Status     int
		Headers    map[string]string
		Body       json.RawMessage
		BodyBase64 string `json:"body_base64"`
	}
}

func (v *vector) answer(t *testing.T) reply {
	a := reply{status: v.Response.Status, body: string(v.Response.Body), header: http.Header{}}
	for name, value := range v.Response.Headers {
		a.header.Set(name, value)
	}
	if v.Response.BodyBase64 != "" {
		body, err := base64.StdEncoding.DecodeString(v.Response.BodyBase64)
		if err != nil {
			t.Fatal(err)
		}
		a.body = string(body)
	}
	return a
}

func readVector(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("../internal/wire/testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// The headers of protocol version 0.38.0, lower case, and what has to be the same
// about them.
var (
	// sameValue headers are sent when the official client does, with that value.
	sameValue = []string{"accept", "content-type", "x-api-key", "x-sdk-version", "x-sdk-method",
		"x-tinker-sampling-backpressure", "x-tinker-request-iteration", "x-tinker-request-type"}
	// someValue headers are sent when the official client does, with a value of
	// their own.
	someValue = []string{"x-idempotency-key", "user-agent"}
	// notCompared headers are about the official client itself, or left to HTTP.
	notCompared = []string{
		"accept-encoding", // net/http sends it, and over plain http we do not
		// What the official client is written in and with, how often its inner
		// layer has tried, and how long that waits.
		"x-stainless-arch", "x-stainless-async", "x-stainless-os", "x-stainless-package-version", "x-stainless-raw-response",
		"x-stainless-read-timeout", "x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version",
		"x-tinker-create-promise-roundtrip-time", // we send it for training; for samples it is always about zero
	}
)

const (
	recordedSession = "3f6c1f0e-8f5a-5a57-9d0b-6f2f4f6f0c11"
	recordedSampler = recordedSession + ":sample:0"
	recordedKey     = "tml-test-key-0000"
	recordedJWT     = "eyJ<jwt>" // what stands there for any
)

// A replay is a server that expects the requests of some vectors, those to one
// path in order, and answers as recorded. What else a session needs it answers,
// too, but does not look at.
type replay struct {
	t *testing.T
	f *fake

	mu      sync.Mutex
	awaited []*vector
	covered map[string]bool
}

func newReplay(t *testing.T, covered map[string]bool, names ...string) *replay {
	r := &replay{t: t, f: newFake(t), covered: covered}
	r.f.on(wire.PathCreateSession, fmt.Sprintf(`{"session_id":%q}`, recordedSession))
	r.f.on(wire.FinishSessionPath(recordedSession), `{}`)
	r.f.on(wire.PathTelemetry, `{"status":"accepted"}`)
	r.f.set(wire.PathSample, func(seen seenRequest) reply {
		id := fmt.Sprintf("%s:%d", recordedSampler, int64(seen.body["seq_id"].(float64)))
		return reply{status: 200, body: fmt.Sprintf(`{"request_id":%q,"sample_sequence_ids":[%q]}`, id, id+":0")}
	})
	var text vector
	readVector(t, "20-retrieve-text", &text)
	r.f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return text.answer(t) })
	for _, name := range names {
		v := &vector{Name: name}
		readVector(t, name, v)
		r.awaited = append(r.awaited, v)
		path := v.Request.Path
		otherwise := r.f.answer[path]
		r.f.set(path, func(seen seenRequest) reply {
			if v := r.next(path); v != nil {
				r.compare(v, seen)
				return v.answer(t)
			}
			if otherwise == nil {
				t.Errorf("unexpected request to %s: %s", path, seen.raw)
				return reply{status: 404}
			}
			return otherwise(seen)
		})
	}
	return r
}

func (r *replay) next(path string) *vector {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.awaited, func(v *vector) bool { return v.Request.Path == path })
	if i < 0 {
		return nil
	}
	v := r.awaited[i]
	r.awaited = slices.Delete(r.awaited, i, i+1)
	r.covered[v.Name] = true
	return v
}

// cover counts a vector as covered.
func (r *replay) cover(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.covered[name] = true
}

// compare holds a request against the recorded one.
func (r *replay) compare(v *vector, seen seenRequest) {
	if seen.method != v.Request.Method {
		r.t.Errorf("%s: method %s, want %s", v.Name, seen.method, v.Request.Method)
	}
	var body any
	if seen.raw != nil {
		if err := json.Unmarshal(seen.raw, &body); err != nil {
			r.t.Errorf("%s: %v", v.Name, err)
		}
	}
	if diff := cmp.Diff(v.Request.Body, body, newEachTime); diff != "" {
		r.t.Errorf("%s: recorded (-), ours (+):\n%s", v.Name, diff)
	}
	for _, name := range sameValue {
		want, got := v.Request.Headers[name], seen.header.Get(name)
		if want == recordedJWT && strings.HasPrefix(got, "eyJ") {
			want = got
		}
		if got != want {
			r.t.Errorf("%s: %s is %q, want %q", v.Name, name, got, want)
		}
	}
	for _, name := range someValue {
		_, want := v.Request.Headers[name]
		if got := seen.header.Get(name); (got != "") != want {
			r.t.Errorf("%s: %s is %q, sent by the official client: %v", v.Name, name, got, want)
		}
	}
	known := slices.Concat(sameValue, someValue, notCompared)
	for name := range maps.Keys(v.Request.Headers) {
		if !slices.Contains(known, name) {
			r.t.Errorf("%s: nobody has thought about the header %s", v.Name, name)
		}
	}
	for name := range maps.Keys(seen.header) {
		if !slices.Contains(known, strings.ToLower(name)) {
			r.t.Errorf("%s: we send %s, which the official client does not", v.Name, name)
		}
	}
}

// newEachTime ignores the values of members that no two requests share, if they
// have one.
var newEachTime = cmp.FilterPath(func(p cmp.Path) bool {
	member, ok := p.Last().(cmp.MapIndex)
	return ok && slices.Contains([]string{"event_id", "timestamp", "process_uuid"}, member.Key().String())
}, cmp.Comparer(func(a, b any) bool { return a != "" && a != nil && b != "" && b != nil }))

// done fails the test if an expected request has not come.
func (r *replay) done() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.awaited {
		r.t.Errorf("%s: no such request came", v.Name)
	}
}

// service is a client of the replaying server.
func (r *replay) service(opts ...Option) *ServiceClient {
	return r.f.service(r.t, append([]Option{WithBaseURL("https://tinker.example.com"), WithAPIKey(recordedKey)}, opts...)...)
}

// sampling is a client of the recorded sampling session whose next request has
// that number.
func (r *replay) sampling(seqID int64, cfg SamplingClientConfig) *SamplingClient {
	r.t.Helper()
	return r.samplingIn(recordedSampler, seqID, cfg)
}

func (r *replay) samplingIn(id string, seqID int64, cfg SamplingClientConfig) *SamplingClient {
	r.t.Helper()
	svc := r.service()
	s, err := svc.begin(r.t.Context(), "")
	if err != nil {
		r.t.Fatal(err)
	}
	client, err := s.samplingClient(r.t.Context(), "", id, &cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	client.sampler = s.newSampler(id, seqID, &cfg.Retry, s.queueNotes(id, cfg.OnQueueState))
	return client
}

// decoded reads what the official client made of an answer, and counts that as
// covered.
func (r *replay) decoded(name string, want any) {
	r.t.Helper()
	readVector(r.t, name+".decoded", want)
	r.cover(name + ".decoded")
}

// A failedCall is an error that the official client has raised.
type failedCall struct {
	Type       string
	Message    string
	Category   string
	RequestID  string `json:"request_id"`
	StatusCode int    `json:"status_code"`
	Body       struct{ Detail string }
}

var recordedPrompt = FromTokens([]int32{9707, 11, 1879, 0})

// scenarios are what the official client did when it was recorded, done with
// this one.
var scenarios = []struct {
	name    string
	vectors []string
	run     func(t *testing.T, r *replay)
}{
	{"a session from beginning to end", []string{
		"01-client-config", "02-client-dynamic-config", "03-create-session", "10-create-sampling-session-base-model", "04-session-heartbeat", "09-session-finish",
	}, func(t *testing.T, r *replay) {
		svc := r.service(WithTags("nightly"), WithUserMetadata(map[string]string{"experiment": "demo"}), WithProjectID("proj-demo"), WithDisplayName("demo run"))
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "Qwen/Qwen3-8B"})
		if err != nil || client.id != recordedSampler {
			t.Fatal(client, err)
		}
		time.Sleep(15 * time.Second)
		if err := svc.Finish(t.Context(), FinishSuccess, "training complete"); err != nil {
			t.Error(err)
		}
	}},
	{"a session that the server has ended", []string{"08-session-heartbeat-gone"}, func(t *testing.T, r *replay) {
		svc := r.service()
		if _, err := svc.begin(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := svc.SessionErr(); err != ErrSessionEnded || len(r.f.to(wire.PathSessionHeartbeat)) != 1 {
			t.Errorf("%v after %d heartbeats", err, len(r.f.to(wire.PathSessionHeartbeat)))
		}
	}},
	{"web tokens", []string{"06-auth-token", "07-create-session-with-jwt"}, func(t *testing.T, r *replay) {
		r.f.on(wire.PathClientConfig, `{"pjwt_auth_enabled":true}`)
		if _, err := r.service(WithTags("nightly")).begin(t.Context(), ""); err != nil {
			t.Error(err)
		}
	}},
	{"saved weights", []string{"11-create-sampling-session-model-path", "12-get-sampler", "13-create-sampling-session-both"}, func(t *testing.T, r *replay) {
		svc := r.service()
		s, err := svc.begin(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		s.samplers.Store(1)
		const path = "tinker://" + recordedSession + ":train:0/sampler_weights/step-10"
		client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{ModelPath: path})
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			BaseModel string `json:"get_base_model"`
		}
		if r.decoded("12-get-sampler", &want); client.BaseModel() != want.BaseModel {
			t.Errorf("base model %q, want %q", client.BaseModel(), want.BaseModel)
		}
		if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{ModelPath: path, BaseModel: "Qwen/Qwen3-8B"}); err != nil {
			t.Error(err)
		}
	}},
	{"push-back", []string{"40-asample-429", "41-asample-429-retried"}, func(t *testing.T, r *replay) {
		r.sample(18)
		if submits := r.f.to(wire.PathSample); submits[1].at-submits[0].at != time.Second {
			t.Errorf("repeated after %v", submits[1].at-submits[0].at)
		}
	}},
	{"a bill", []string{"40-asample-402"}, func(t *testing.T, r *replay) {
		r.sample(19)
		if submits := r.f.to(wire.PathSample); len(submits) != 2 || submits[1].body["seq_id"] != 19.0 {
			t.Errorf("submitted %+v", submits)
		}
	}},
	{"a result that is not there yet", []string{"42-retrieve-try-again-200", "43-retrieve-try-again-408", "44-retrieve-then-success"}, func(t *testing.T, r *replay) {
		var told []string
		client := r.sampling(20, SamplingClientConfig{OnQueueState: func(s QueueState, reason string) { told = append(told, string(s)+" "+reason) }})
		got, err := client.Sample(t.Context(), &SampleRequest{Prompt: recordedPrompt, Params: SamplingParams{MaxTokens: 4}})
		if err != nil {
			t.Fatal(err)
		}
		r.checkDecoded("44-retrieve-then-success", nil, got)
		if want := []string{"active ", "paused_capacity GPU pool is full", "active "}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	}},
	{"failed by the user", []string{"45-retrieve-failed-user"}, func(t *testing.T, r *replay) { r.failed(21, "45-retrieve-failed-user") }},
	{"failed by the server", []string{"46-retrieve-failed-server"}, func(t *testing.T, r *replay) { r.failed(22, "46-retrieve-failed-server") }},
	{"failed by nobody knows whom", []string{"47-retrieve-failed-unknown"}, func(t *testing.T, r *replay) { r.failed(23, "47-retrieve-failed-unknown") }},
	{"a large result", []string{"48-retrieve-metadata-only", "49-retrieve-after-metadata"}, func(t *testing.T, r *replay) {
		r.checkDecoded("49-retrieve-after-metadata", nil, r.sample(24))
	}},
	{"a lost result", []string{"50-retrieve-410", "51-asample-after-410"}, func(t *testing.T, r *replay) {
		first, submit := true, r.f.answer[wire.PathSample]
		r.f.set(wire.PathSample, func(seen seenRequest) reply {
			if first {
				first = false
				id := fmt.Sprintf("%s:%v", recordedSampler, seen.body["seq_id"])
				return reply{status: 200, body: fmt.Sprintf(`{"request_id":%q,"sample_sequence_ids":["lost"]}`, id)}
			}
			return submit(seen)
		})
		r.checkDecoded("51-asample-after-410", nil, r.sample(25))
	}},
	{"refused", []string{"52-asample-400"}, func(t *testing.T, r *replay) { r.refused(27, "52-asample-400") }},
	{"unknown", []string{"53-asample-404"}, func(t *testing.T, r *replay) { r.refused(28, "53-asample-404") }},
	{"log probabilities", []string{"54-asample-compute-logprobs", "54-retrieve-compute-logprobs"}, func(t *testing.T, r *replay) {
		r.logprobs(29, "54-retrieve-compute-logprobs")
	}},
	{"log probabilities of the last", []string{"55-asample-compute-logprobs-last-n", "55-retrieve-compute-logprobs-last-n"}, func(t *testing.T, r *replay) {
		r.logprobs(30, "55-retrieve-compute-logprobs-last-n", LastN(2))
	}},
	{"a handle", nil, func(t *testing.T, r *replay) {
		var recorded struct{ Handle string }
		readVector(t, "14-sampler-handle", &recorded)
		r.cover("14-sampler-handle")
		client, err := r.service().SamplingClientFromHandle(recorded.Handle)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := client.Handle(); err != nil || got != recorded.Handle || client.BaseModel() != "Qwen/Qwen3-8B" {
			t.Errorf("%v of %q\nhanded on as %s\nwant         %s", err, client.BaseModel(), got, recorded.Handle)
		}
	}},
	{"a clone, whose results one poll waits for", []string{"15-join-sampling-session", "56-asample-from-clone", "57-retrieve-futures-long-poll",
		"59-retrieve-after-poller", "58-retrieve-futures-ack", "58-retrieve-futures-retrieved-ids",
	}, func(t *testing.T, r *replay) {
		r.f.on(wire.PathClientConfig, `{"sample_join_sampling_session":true,"sample_use_retrieve_futures":true}`)
		fetch := r.f.answer[wire.PathRetrieveFuture]
		r.f.set(wire.PathRetrieveFuture, func(seen seenRequest) reply { // so slowly that the completion is reported first
			a := fetch(seen)
			a.hold = 3 * time.Second
			return a
		})
		handle, err := r.sampling(0, SamplingClientConfig{BaseModel: "Qwen/Qwen3-8B"}).Handle()
		if err != nil {
			t.Fatal(err)
		}
		clone, err := r.service().SamplingClientFromHandle(handle)
		if err != nil {
			t.Fatal(err)
		}
		got, err := clone.Sample(t.Context(), &SampleRequest{Prompt: recordedPrompt, Params: SamplingParams{MaxTokens: 4}})
		if err != nil {
			t.Fatal(err)
		}
		r.checkDecoded("59-retrieve-after-poller", nil, got)
		time.Sleep(5 * time.Second)
	}},
	{"telemetry of a session", []string{"60-telemetry-session-start"}, func(t *testing.T, r *replay) {
		if _, err := r.service().begin(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
	}},
	{"telemetry of failures, but for their texts", nil, func(t *testing.T, r *replay) {
		recorded := slices.Concat(r.recordedEvents("61-telemetry-user-error"), r.recordedEvents("62-telemetry-unhandled-exception"))
		client := r.sampling(0, SamplingClientConfig{Retry: RetryConfig{NoRetry: true}})
		promise := r.f.answer[wire.PathSample]
		r.f.set(wire.PathSample, func(seenRequest) reply { return reply{status: 404, body: `{"detail":"Unknown sampling session"}`} })
		client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		r.f.set(wire.PathSample, promise)
		r.f.on(wire.PathRetrieveFuture, `{"error":"boom","category":"server"}`)
		client.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		time.Sleep(11 * time.Second)
		kinds := map[string]bool{}
		for _, seen := range r.f.to(wire.PathTelemetry) {
			for _, ours := range seen.body["events"].([]any) {
				ours := ours.(map[string]any)
				kind := func(e map[string]any) string { return fmt.Sprint(e["event"], e["event_name"]) }
				i := slices.IndexFunc(recorded, func(e map[string]any) bool { return kind(e) == kind(ours) })
				if i < 0 {
					continue
				}
				kinds[kind(ours)] = true
				if diff := cmp.Diff(members(recorded[i]), members(ours)); diff != "" || recorded[i]["severity"] != ours["severity"] {
					t.Errorf("%s: recorded (-), ours (+):\n%s\nof severity %s, want %s", kind(ours), diff, ours["severity"], recorded[i]["severity"])
				}
			}
		}
		if len(kinds) != 4 { // what was tried, the user's failure, the server's, and the end that follows these
			t.Errorf("only %v", kinds)
		}
	}},
	{"an abandoned sample", []string{"63-cancel-future"}, func(t *testing.T, r *replay) {
		r.f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 408, hold: 30 * time.Second} })
		future := r.sampling(31, SamplingClientConfig{}).SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})})
		synctest.Wait()
		future.Cancel()
		synctest.Wait()
	}},
	{"a revoked token", []string{"64-asample-401-invalid-token", "65-asample-401-replayed"}, func(t *testing.T, r *replay) {
		r.f.on(wire.PathClientConfig, `{"pjwt_auth_enabled":true}`)
		tokens := 0
		r.f.set(wire.PathAuthToken, func(seenRequest) reply {
			tokens++
			return reply{status: 200, body: fmt.Sprintf(`{"jwt":%q}`, jwt(fmt.Sprintf(`{"n":%d,"exp":4000000000}`, tokens)))}
		})
		r.sample(0)
		submits := r.f.to(wire.PathSample)
		first, second := submits[0].header, submits[1].header
		if first.Get(wire.HeaderIdempotencyKey) != second.Get(wire.HeaderIdempotencyKey) || first.Get(wire.HeaderAPIKey) == second.Get(wire.HeaderAPIKey) {
			t.Errorf("sent %v and then %v", first, second)
		}
	}},
	{"training", []string{"70-create-model", "70-retrieve-create-model", "71-get-info",
		"83-save-weights-for-sampler-named", "83-retrieve-save-weights-for-sampler-named",
		"84-save-weights-for-sampler-ephemeral", "84-retrieve-save-weights-for-sampler-ephemeral",
		"85-save-weights-for-sampler-inflight", "85-retrieve-save-weights-for-sampler-inflight",
	}, func(t *testing.T, r *replay) {
		svc := r.service()
		client, err := svc.CreateLoRATrainingClient(t.Context(), TrainingClientConfig{
			BaseModel: "Qwen/Qwen3-8B", LoRA: LoRAConfig{Rank: 16, Seed: new(int64(7))}, UserMetadata: map[string]string{"run": "a"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if client.ModelID() != recordedSession+":train:0" || client.BaseModel() != "Qwen/Qwen3-8B" {
			t.Errorf("%q of %q", client.ModelID(), client.BaseModel())
		}
		client.seq.Store(10)
		client.session.samplers.Store(4)
		path, err := client.SaveWeightsForSampler(t.Context(), SavedWeights{Name: "step-10", TTL: 24 * time.Hour})
		var want struct{ Value struct{ Path string } }
		if r.decoded("83-retrieve-save-weights-for-sampler-named", &want); err != nil || path != want.Value.Path {
			t.Errorf("%q, %v, want %q", path, err, want.Value.Path)
		}
		for i, kind := range []WeightsKind{"", WeightsInflight} {
			sampler, err := client.SaveWeightsAndGetSamplingClient(t.Context(), SavedSamplingConfig{Kind: kind})
			if err != nil || sampler.id != fmt.Sprintf("%s:sample:%d", recordedSession, 4+i) || sampler.BaseModel() != "Qwen/Qwen3-8B" {
				t.Errorf("%+v, %v", sampler, err)
			}
		}
	}},
	{"capabilities", []string{"90-get-server-capabilities"}, func(t *testing.T, r *replay) {
		got, err := r.service().Capabilities(t.Context())
		var want struct {
			Value wire.ServerCapabilities
		}
		r.decoded("90-get-server-capabilities", &want)
		if err != nil || len(got.Models) != len(want.Value.SupportedModels) {
			t.Fatal(got, err)
		}
		for i, m := range want.Value.SupportedModels {
			if expected := (Model{m.ModelName, *m.MaxContextLength, *m.Sampleable, *m.Trainable}); got.Models[i] != expected {
				t.Errorf("got %+v, want %+v", got.Models[i], expected)
			}
		}
	}},
}

// samples are the recorded requests for samples: NN-asample-name with
// NN-retrieve-name.
var samples = []struct {
	number, name string
	request      SampleRequest
	stability    bool
}{
	{number: "20", name: "text", request: SampleRequest{Params: SamplingParams{MaxTokens: 4}}},
	{number: "21", name: "stop-string", request: SampleRequest{Params: SamplingParams{MaxTokens: 16, Stop: StopStrings("\n")}}},
	{number: "22", name: "stop-strings", request: SampleRequest{
		Params: SamplingParams{MaxTokens: 16, Stop: StopStrings("\n\n", "<|im_end|>"), Temperature: new(0.7)}}},
	{number: "23", name: "stop-token-ids", request: SampleRequest{
		Params: SamplingParams{MaxTokens: 16, Stop: StopTokens(151645, 151643), Temperature: new(0.0)}}},
	{number: "24", name: "stop-empty", request: SampleRequest{Params: SamplingParams{MaxTokens: 4, Stop: NoStop()}}},
	{number: "25", name: "seed-topk-topp", request: SampleRequest{
		Params: SamplingParams{MaxTokens: 4, Seed: new(int64(1234)), Temperature: new(0.8), TopK: 40, TopP: 0.95}}},
	{number: "26", name: "prompt-logprobs", request: SampleRequest{Params: SamplingParams{MaxTokens: 1}, PromptLogprobs: true}},
	{number: "27", name: "topk-prompt-logprobs", request: SampleRequest{Params: SamplingParams{MaxTokens: 1}, PromptLogprobs: true, TopKPromptLogprobs: 3}},
	{number: "28", name: "topk-sample-logprobs", request: SampleRequest{Params: SamplingParams{MaxTokens: 2}, TopKSampleLogprobs: 2}},
	{number: "29", name: "target-prompt-logprobs-dense", request: SampleRequest{
		Params: SamplingParams{MaxTokens: 1}, TargetPromptLogprobs: &TargetTokens{Rows: [][]int32{{11}, {1879, 13}, {-1, 0}}}}},
	{number: "30", name: "target-prompt-logprobs-sparse", request: SampleRequest{
		Params: SamplingParams{MaxTokens: 1}, TargetPromptLogprobs: &TargetTokens{Rows: [][]int32{{}, {}, {42}}, Sparse: true}}},
	{number: "31", name: "prompt-alt-tokens", request: SampleRequest{Params: SamplingParams{MaxTokens: 1}, PromptAltTokensK: 2}},
	{number: "32", name: "prompt-logprobs-last-n", request: SampleRequest{Params: SamplingParams{MaxTokens: 1}, PromptLogprobs: true, PromptLogprobsLastN: 2}},
	{number: "33", name: "image", request: SampleRequest{Params: SamplingParams{MaxTokens: 4}, Prompt: ModelInput{[]Chunk{
		EncodedText{[]int32{151652}}, Image{Data: tinyPNG, Format: ImagePNG, ExpectedTokens: 4}, EncodedText{[]int32{151653, 9707}}}}}},
	{number: "34", name: "image-asset-pointer", request: SampleRequest{Params: SamplingParams{MaxTokens: 4}, Prompt: ModelInput{[]Chunk{
		ImageAsset{Location: "https://example.com/cat.jpg", Format: ImageJPEG}, EncodedText{[]int32{9707}}}}}},
	{number: "35", name: "dmel", request: SampleRequest{Params: SamplingParams{MaxTokens: 4}, Prompt: ModelInput{[]Chunk{
		DMel{append([]byte{0, 2, 3, 4}, make([]byte, 48)...)}, EncodedText{[]int32{9707}}}}}},
	{number: "36", name: "num-samples-3", request: SampleRequest{NumSamples: 3, Params: SamplingParams{MaxTokens: 2, Stop: StopTokens(13)}}},
	{number: "37", name: "record-stability-info", request: SampleRequest{Params: SamplingParams{MaxTokens: 4}}, stability: true},
	{number: "38", name: "no-max-tokens"},
}

var tinyPNG = func() []byte {
	data, err := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")
	if err != nil {
		panic(err)
	}
	return data
}()

// excused are the exchanges that are not replayed, by the reason.
var excused = map[string][]string{
	"no public call asks for it, here as there": {"05-healthz"},
	"package wire decodes these": {
		"39-decode-sample-bad-stop-reason", "39-decode-sample-edge", "39-decode-sample-empty",
	},
	"training itself, which this SDK leaves to others": {
		"72-forward-backward-cross-entropy", "72-forward-backward-cross-entropy.request.decoded",
		"72-retrieve-forward-backward-cross-entropy", "72-retrieve-forward-backward-cross-entropy.decoded",
		"73-forward-cross-entropy", "73-forward-cross-entropy.request.decoded",
		"73-retrieve-forward-cross-entropy", "73-retrieve-forward-cross-entropy.decoded",
		"74-forward-backward-importance-sampling", "74-forward-backward-importance-sampling.request.decoded",
		"74-retrieve-forward-backward-importance-sampling", "74-retrieve-forward-backward-importance-sampling.decoded",
		"75-forward-backward-ppo", "75-forward-backward-ppo.request.decoded",
		"75-retrieve-forward-backward-ppo", "75-retrieve-forward-backward-ppo.decoded",
		"76-forward-backward-sparse-topk", "76-forward-backward-sparse-topk.request.decoded",
		"76-retrieve-forward-backward-sparse-topk", "76-retrieve-forward-backward-sparse-topk.decoded",
		"77-forward-backward-stable-reinforce", "77-forward-backward-stable-reinforce.request.decoded",
		"77-retrieve-forward-backward-stable-reinforce", "77-retrieve-forward-backward-stable-reinforce.decoded",
		"78-forward-backward-zstd", "78-forward-backward-zstd.request.decoded",
		"78-retrieve-forward-backward-zstd", "78-retrieve-forward-backward-zstd.decoded",
		"79-metrics-reduction",
		"80-optim-step-adam", "80-retrieve-optim-step-adam", "80-retrieve-optim-step-adam.decoded",
		"81-optim-step-dimuon", "81-retrieve-optim-step-dimuon", "81-retrieve-optim-step-dimuon.decoded",
		"82-save-weights", "82-retrieve-save-weights", "82-retrieve-save-weights.decoded",
		"86-save-weights-external", "86-retrieve-save-weights-external", "86-retrieve-save-weights-external.decoded",
		"87-load-weights-legacy", "87-retrieve-load-weights-legacy", "87-retrieve-load-weights-legacy.decoded",
		"88-load-weights-create", "88-retrieve-load-weights-create",
		"89-decode-fb-output-metrics-only", "89-decode-fb-output-mixed", "89-decode-fb-output-stripped",
	},
	"lists and administration, which this SDK leaves to the official command": {
		"91-get-training-run", "91-get-training-run.decoded", "91-list-training-runs", "91-list-training-runs.decoded",
		"92-list-checkpoints", "92-list-checkpoints.decoded", "92-list-user-checkpoints", "92-list-user-checkpoints.decoded",
		"93-weights-info", "93-weights-info.decoded",
		"94-clear-checkpoint-ttl", "94-clear-checkpoint-ttl.decoded", "94-delete-checkpoint", "94-delete-checkpoint.decoded",
		"94-publish-checkpoint", "94-publish-checkpoint.decoded", "94-set-checkpoint-ttl", "94-set-checkpoint-ttl.decoded",
		"94-unpublish-checkpoint", "94-unpublish-checkpoint.decoded",
		"95-copy-weights", "95-copy-weights.decoded", "95-external-weights-urls", "95-external-weights-urls.decoded",
		"96-assign-session-project", "96-assign-session-project.decoded", "96-get-session", "96-get-session.decoded",
		"96-list-sessions", "96-list-sessions.decoded", "96-search-sessions", "96-search-sessions.decoded",
		"96-session-trace-export", "96-session-trace-export.decoded",
		"97-get-sampler", "97-get-sampler.decoded",
		"98-audit-log", "98-audit-log.decoded", "98-billing-checkpoint-storage", "98-billing-checkpoint-storage.decoded",
		"98-billing-usage-events", "98-billing-usage-events.decoded",
	},
}

// What the official client sends, we send; what it makes of the answer, we do.
// Every exchange that was recorded of it is replayed, or excused by name.
func TestEveryRecordedExchange(t *testing.T) {
	covered := map[string]bool{}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newReplay(t, covered, s.vectors...)
				s.run(t, r)
				r.done()
			})
		})
	}
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				submit, poll := s.number+"-asample-"+s.name, s.number+"-retrieve-"+s.name
				r := newReplay(t, covered, submit, poll)
				r.sampleAs(s.request, s.stability, poll)
				r.done()
			})
		})
	}
	why := map[string]string{}
	for reason, names := range excused {
		for _, name := range names {
			if why[name] != "" {
				t.Errorf("%s is excused twice", name)
			}
			why[name] = reason
		}
	}
	index, err := os.ReadFile("testdata/index.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(index))
	for _, name := range names {
		switch {
		case covered[name] && why[name] != "":
			t.Errorf("%s is covered, and excused (%s)", name, why[name])
		case !covered[name] && why[name] == "":
			t.Errorf("%s is neither covered nor excused", name)
		}
	}
	for name := range covered {
		if !slices.Contains(names, name) {
			t.Errorf("%s is covered, but not in the index", name)
		}
	}
	for name := range why {
		if !slices.Contains(names, name) {
			t.Errorf("%s is excused, but not in the index", name)
		}
	}
}

// sample takes the recorded sample of four tokens under that number.
func (r *replay) sample(seqID int64) *SampleResponse {
	r.t.Helper()
	got, err := r.sampling(seqID, SamplingClientConfig{}).Sample(r.t.Context(), &SampleRequest{Prompt: recordedPrompt, Params: SamplingParams{MaxTokens: 4}})
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// sampleAs makes a recorded request, in its recorded session and under its
// number, and compares the response.
func (r *replay) sampleAs(request SampleRequest, stability bool, poll string) {
	r.t.Helper()
	recorded := r.awaited[0].Request.Body.(map[string]any)
	if request.Prompt.Chunks == nil {
		request.Prompt = recordedPrompt
	}
	client := r.samplingIn(recorded["sampling_session_id"].(string), int64(recorded["seq_id"].(float64)), SamplingClientConfig{RecordStabilityInfo: stability})
	got, err := client.Sample(r.t.Context(), &request)
	if err != nil {
		r.t.Fatal(err)
	}
	r.checkDecoded(poll, request.TargetPromptLogprobs, got)
}

// recordedEvents are the events of a recorded batch, which count as covered.
func (r *replay) recordedEvents(name string) []map[string]any {
	r.t.Helper()
	var v struct {
		Request struct {
			Body struct{ Events []map[string]any }
		}
	}
	readVector(r.t, name, &v)
	r.cover(name)
	return v.Request.Body.Events
}

func members(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

// failed takes a sample that the server accepts and then fails.
func (r *replay) failed(seqID int64, name string) {
	r.t.Helper()
	_, err := r.sampling(seqID, SamplingClientConfig{}).Sample(r.t.Context(), &SampleRequest{Prompt: recordedPrompt, Params: SamplingParams{MaxTokens: 4}})
	var want failedCall
	r.decoded(name, &want)
	e, ok := errors.AsType[*RequestError](err)
	if !ok || string(e.Category) != want.Category || e.RequestID != want.RequestID || !strings.Contains(want.Message, e.Err.Error()) {
		r.t.Errorf("got %#v, want %+v", err, want)
	}
}

// refused takes a sample that the server does not accept.
func (r *replay) refused(seqID int64, name string) {
	r.t.Helper()
	_, err := r.sampling(seqID, SamplingClientConfig{}).Sample(r.t.Context(), &SampleRequest{Prompt: recordedPrompt, Params: SamplingParams{MaxTokens: 4}})
	var want failedCall
	r.decoded(name, &want)
	e, ok := errors.AsType[*APIError](err)
	if !ok || e.Status != want.StatusCode || e.Message != want.Body.Detail || e.Attempts != 1 {
		r.t.Errorf("got %#v, want %+v", err, want)
	}
}

func (r *replay) logprobs(seqID int64, name string, opts ...LogprobsOption) {
	r.t.Helper()
	got, err := r.sampling(seqID, SamplingClientConfig{}).ComputeLogprobs(r.t.Context(), recordedPrompt, opts...)
	if err != nil {
		r.t.Fatal(err)
	}
	var want struct{ Value Logprobs }
	r.decoded(name, &want)
	if diff := cmp.Diff(want.Value, got, sameFloats); diff != "" {
		r.t.Errorf("official (-), ours (+):\n%s", diff)
	}
}

var sameFloats = cmp.Comparer(func(a, b float32) bool { return a == b || a != a && b != b })

// checkDecoded compares a response with what the official client hands to its
// caller.
func (r *replay) checkDecoded(name string, targets *TargetTokens, got *SampleResponse) {
	r.t.Helper()
	var want struct {
		Sequences []struct {
			StopReason StopReason     `json:"stop_reason"`
			SequenceID string         `json:"sequence_id"`
			Tokens     []int32        `json:"tokens"`
			Logprobs   Logprobs       `json:"logprobs"`
			TopK       [][][2]float32 `json:"topk_logprobs"`
		} `json:"sequences"`
		PromptLogprobs       Logprobs                          `json:"prompt_logprobs"`
		TopKPromptLogprobs   [][][2]float32                    `json:"topk_prompt_logprobs"`
		TargetPromptLogprobs *table                            `json:"target_prompt_logprobs"`
		PromptAltTokens      *struct{ Tokens, Logprobs table } `json:"prompt_alt_tokens"`
		CacheHits            int                               `json:"prompt_cache_hit_tokens"`
	}
	r.decoded(name, &want)
	expected := &SampleResponse{
		PromptLogprobs: want.PromptLogprobs, TopKPromptLogprobs: cells(want.TopKPromptLogprobs), PromptCacheHitTokens: want.CacheHits,
	}
	for i, s := range want.Sequences {
		expected.RequestID = strings.TrimSuffix(s.SequenceID, fmt.Sprintf(":%d", i)) // which the official client keeps to itself
		expected.Sequences = append(expected.Sequences, Sequence{s.SequenceID, s.Tokens, s.Logprobs, cells(s.TopK), s.StopReason})
	}
	if m := want.TargetPromptLogprobs; m != nil {
		expected.TargetPromptLogprobs = m.asked(targets)
	}
	if a := want.PromptAltTokens; a != nil {
		for i := range a.Tokens.Shape[0] {
			var row []TokenLogprob
			for j := range a.Tokens.Shape[1] {
				at := i*a.Tokens.Shape[1] + j
				row = append(row, TokenLogprob{int32(a.Tokens.Data[at]), a.Logprobs.Data[at]})
			}
			expected.PromptAltTokens = append(expected.PromptAltTokens, row)
		}
	}
	if diff := cmp.Diff(expected, got, sameFloats); diff != "" {
		r.t.Errorf("official (-), ours (+):\n%s", diff)
	}
}

// A table is a decoded tensor of two dimensions.
type table struct {
	Data  []float32
	Shape []int
	Crow  []int `json:"sparse_crow_indices"`
	Col   []int `json:"sparse_col_indices"`
}

// asked are the table's cells in the shape of what was asked for. Those that ask
// nothing are 0 in a dense table, and missing in a sparse one.
func (m *table) asked(targets *TargetTokens) [][]float32 {
	rows := make([][]float32, len(targets.Rows))
	for i, row := range targets.Rows {
		rows[i] = make([]float32, len(row))
		for j, id := range row {
			rows[i][j] = float32(math.NaN())
			if id == -1 {
				continue
			}
			at := i*m.Shape[1] + j
			if m.Crow != nil {
				at = m.Crow[i] + slices.Index(m.Col[m.Crow[i]:m.Crow[i+1]], j)
			}
			rows[i][j] = m.Data[at]
		}
	}
	return rows
}

func cells(rows [][][2]float32) [][]TokenLogprob {
	if rows == nil {
		return nil
	}
	list := make([][]TokenLogprob, len(rows))
	for i, row := range rows {
		for _, cell := range row {
			list[i] = append(list[i], TokenLogprob{int32(cell[0]), cell[1]})
		}
	}
	return list
}
