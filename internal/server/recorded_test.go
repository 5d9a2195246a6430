package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// The recorded exchanges of package wire, with this server in the place of the
// one that they were recorded with: what the official client 0.38.0 sends is
// sent again, and what it gets must be what it was seen to take.

// Each recording is named in replays or in excused, and pairs of asample and
// retrieve_future in samples.

// samples are whole samples: NN-asample-X, and the NN-retrieve-X that fetches it.
var samples = []string{
	"20-*-text", "21-*-stop-string", "22-*-stop-strings", "23-*-stop-token-ids", "24-*-stop-empty", "25-*-seed-topk-topp",
	"26-*-prompt-logprobs", "27-*-topk-prompt-logprobs", "28-*-topk-sample-logprobs", "29-*-target-prompt-logprobs-dense",
	"30-*-target-prompt-logprobs-sparse", "31-*-prompt-alt-tokens", "32-*-prompt-logprobs-last-n", "36-*-num-samples-3",
	"37-*-record-stability-info", "38-*-no-max-tokens", "54-*-compute-logprobs", "55-*-compute-logprobs-last-n",
}

// replays are all others, with what is to happen before and to be found after.
var replays = map[string]func(*stage, *recording){
	"01-client-config":                      (*stage).like,
	"02-client-dynamic-config":              (*stage).like,
	"03-create-session":                     (*stage).like,
	"04-session-heartbeat":                  (*stage).same,
	"05-healthz":                            (*stage).same,
	"07-create-session-with-jwt":            (*stage).like,
	"08-session-heartbeat-gone":             (*stage).gone,
	"09-session-finish":                     (*stage).same,
	"10-create-sampling-session-base-model": (*stage).same,
	"11-create-sampling-session-model-path": refusedFor("model_path"),
	"13-create-sampling-session-both":       refusedFor("model_path"),
	"12-get-sampler":                        (*stage).samplerOfBaseModel,
	"97-get-sampler":                        (*stage).samplerOfBaseModel,
	"15-join-sampling-session":              (*stage).same,
	"33-asample-image":                      refusedFor("image"),
	"34-asample-image-asset-pointer":        refusedFor("image_asset_pointer"),
	"35-asample-dmel":                       refusedFor("dmel"),
	"40-asample-429":                        (*stage).pushedBack,
	"41-asample-429-retried":                (*stage).pushedBackBefore,
	"43-retrieve-try-again-408":             (*stage).pending,
	"44-retrieve-then-success":              (*stage).pendingBefore,
	"45-retrieve-failed-user":               (*stage).failed,
	"46-retrieve-failed-server":             (*stage).failed,
	"49-retrieve-after-metadata":            (*stage).fetched,
	"50-retrieve-410":                       (*stage).error, // no such sample
	"51-asample-after-410":                  (*stage).same,
	"52-asample-400":                        (*stage).badRequest,
	"53-asample-404":                        (*stage).noSampler,
	"56-asample-from-clone":                 (*stage).same,
	"57-retrieve-futures-long-poll":         (*stage).polled,
	"58-retrieve-futures-ack":               (*stage).polled,
	"58-retrieve-futures-retrieved-ids":     (*stage).polled,
	"59-retrieve-after-poller":              (*stage).fetched,
	"60-telemetry-session-start":            (*stage).same,
	"61-telemetry-user-error":               (*stage).same,
	"62-telemetry-unhandled-exception":      (*stage).same,
	"63-cancel-future":                      (*stage).same,
	"90-get-server-capabilities":            (*stage).capabilities,
	"96-get-session":                        (*stage).sessionInfo,
	"96-list-sessions":                      (*stage).same,
}

// excused are the recordings that are not replayed, by why not.
var excused = map[string][]string{
	"this server takes the keys themselves: pjwt_auth_enabled is off": {
		"06-auth-token", "64-asample-401-invalid-token", "65-asample-401-replayed",
	},
	"nothing is asked of a server: what the client makes of bytes that it has": {
		"14-sampler-handle", "39-decode-sample-bad-stop-reason", "39-decode-sample-edge", "39-decode-sample-empty",
		"79-metrics-reduction", "89-decode-fb-output-metrics-only", "89-decode-fb-output-mixed", "89-decode-fb-output-stripped",
	},
	"the sample was refused: see its asample": {"33-retrieve-image", "34-retrieve-image-asset-pointer", "35-retrieve-dmel"},
	"nobody is billed":                        {"40-asample-402", "98-billing-checkpoint-storage", "98-billing-usage-events"},
	"this server says that a sample is pending with 408, about which clients do not warn": {"42-retrieve-try-again-200"},
	"this server knows whose fault a failure is":                                          {"47-retrieve-failed-unknown"},
	"a result is always sent at once; the client has said that it may be":                 {"48-retrieve-metadata-only"},
	"there is no training": {
		"70-create-model", "70-retrieve-create-model", "71-get-info",
		"72-forward-backward-cross-entropy", "72-retrieve-forward-backward-cross-entropy",
		"73-forward-cross-entropy", "73-retrieve-forward-cross-entropy",
		"74-forward-backward-importance-sampling", "74-retrieve-forward-backward-importance-sampling",
		"75-forward-backward-ppo", "75-retrieve-forward-backward-ppo",
		"76-forward-backward-sparse-topk", "76-retrieve-forward-backward-sparse-topk",
		"77-forward-backward-stable-reinforce", "77-retrieve-forward-backward-stable-reinforce",
		"78-forward-backward-zstd", "78-retrieve-forward-backward-zstd",
		"80-optim-step-adam", "80-retrieve-optim-step-adam", "81-optim-step-dimuon", "81-retrieve-optim-step-dimuon",
		"82-save-weights", "82-retrieve-save-weights",
		"83-save-weights-for-sampler-named", "83-retrieve-save-weights-for-sampler-named",
		"84-save-weights-for-sampler-ephemeral", "84-retrieve-save-weights-for-sampler-ephemeral",
		"85-save-weights-for-sampler-inflight", "85-retrieve-save-weights-for-sampler-inflight",
		"86-save-weights-external", "86-retrieve-save-weights-external",
		"87-load-weights-legacy", "87-retrieve-load-weights-legacy", "88-load-weights-create", "88-retrieve-load-weights-create",
		"91-get-training-run", "91-list-training-runs", "92-list-checkpoints", "92-list-user-checkpoints", "93-weights-info",
		"94-clear-checkpoint-ttl", "94-delete-checkpoint", "94-publish-checkpoint", "94-set-checkpoint-ttl", "94-unpublish-checkpoint",
		"95-copy-weights", "95-external-weights-urls",
	},
	"the hosted service alone has projects, owners, traces and an audit log": {
		"96-assign-session-project", "96-search-sessions", "96-session-trace-export", "98-audit-log",
	},
}

const recordings = "../wire/testdata"

// TestRecordingsAreReplayed or excused, each of them and once.
func TestRecordingsAreReplayed(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(recordings, "index.txt"))
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for name := range replays {
		times[name]++
	}
	for _, name := range samples {
		times[strings.Replace(name, "*", "asample", 1)]++
		times[strings.Replace(name, "*", "retrieve", 1)]++
	}
	for reason, names := range excused {
		for _, name := range names {
			times[name]++
			if reason == "" {
				t.Errorf("%s is excused without a reason", name)
			}
		}
	}
	for _, file := range strings.Fields(string(index)) {
		// X.decoded is what the client makes of X.
		name, _, _ := strings.Cut(file, ".")
		switch times[name] {
		case 0:
			t.Errorf("%s is neither replayed nor excused", file)
		case 1, -1:
			times[name] = -1
		default:
			t.Errorf("%s is named %d times", name, times[name])
		}
	}
	for name, n := range times {
		if n > 0 {
			t.Errorf("%s is no recording", name)
		}
	}
}

func TestRecordings(t *testing.T) {
	for name, check := range replays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { check(newStage(t), readRecording(t, name)) })
		})
	}
	for _, name := range samples {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				fetch := readRecording(t, strings.Replace(name, "*", "retrieve", 1))
				s.result = fetch.Response.Binary
				s.same(readRecording(t, strings.Replace(name, "*", "asample", 1)))
				s.binary(fetch)
			})
		})
	}
}

// A recording is one exchange.
type recording struct {
	Request struct {
		Method, Path string
		Query        map[string]string
		Headers      map[string]string
		Body         json.RawMessage
	}
	Response struct {
		Status int
		Body   json.RawMessage
		Binary []byte `json:"body_base64"`
	}
}

func readRecording(t *testing.T, name string) *recording {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(recordings, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &r
}

// The ids and the model that were recorded.
const (
	recordedSession = "3f6c1f0e-8f5a-5a57-9d0b-6f2f4f6f0c11"
	recordedModel   = "Qwen/Qwen3-8B"
	recordedKey     = "tml-test-key-0000"
)

// A stage is a server with a session as it was when something was recorded: with
// its samplers, numbered as they were, which makes all ids but the session's equal.
type stage struct {
	*caller
	t       *testing.T
	server  *Server
	session string

	// What the backend answers: result as a recorded message, or err, after hold.
	result []byte
	err    error
	hold   chan struct{}
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, result: readRecording(t, "20-retrieve-text").Response.Binary}
	backend := &fakeBackend{
		check: func(*engine.Request) error { return nil },
		sample: func(ctx context.Context, r *engine.Request) (*engine.Result, error) {
			if s.hold != nil {
				if _, err := blocked(s.hold)(ctx, &engine.Request{}); err != nil {
					return nil, err
				}
			}
			if s.err != nil {
				return nil, s.err
			}
			return resultOf(t, s.result), nil
		},
	}
	s.server, s.caller = serve(t, backend, Limits{Queued: 2})
	s.server.models[0].Name = recordedModel
	create := request("POST", wire.PathCreateSession, string(readRecording(t, "03-create-session").Request.Body))
	create.Header.Set("X-API-Key", recordedKey)
	_, body := read(t, s.do(create))
	var created wire.CreateSessionResponse
	if err := wire.Decode(body, &created); err != nil {
		t.Fatal(err)
	}
	s.session = created.SessionID
	for n := range int64(4) {
		must[wire.CreateSamplingSessionResponse](s.caller, wire.PathCreateSamplingSession,
			wire.CreateSamplingSessionRequest{SessionID: s.session, SamplingSessionSeqID: n, BaseModel: recordedModel})
	}
	return s
}

// ours is recorded text with our session in it.
func (s *stage) ours(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte(recordedSession), []byte(s.session))
}

// send sends what was recorded.
func (s *stage) send(r *recording) (status int, mediaType string, body []byte) {
	s.t.Helper()
	path := string(s.ours([]byte(r.Request.Path)))
	if len(r.Request.Query) > 0 {
		query := url.Values{}
		for name, value := range r.Request.Query {
			query.Set(name, value)
		}
		path += "?" + query.Encode()
	}
	text := string(s.ours(r.Request.Body))
	if text == "null" {
		text = ""
	}
	q := request(r.Request.Method, path, text)
	for header, value := range r.Request.Headers {
		q.Header.Set(header, value)
	}
	answer := s.do(q)
	status, body = read(s.t, answer)
	return status, answer.Header.Get("Content-Type"), body
}

// before is a recording that comes before another one.
func (s *stage) before(name string, status int) {
	s.t.Helper()
	if got, _, body := s.send(readRecording(s.t, name)); got != status {
		s.t.Fatalf("%s: %d %s, want %d", name, got, body, status)
	}
}

// sampleBefore submits the sample that a recording is about.
func (s *stage) sampleBefore(r *recording) {
	s.t.Helper()
	var fetch wire.RetrieveFutureRequest
	if err := wire.Decode(s.ours(r.Request.Body), &fetch); err != nil {
		s.t.Fatal(err)
	}
	f, number, _ := strings.Cut(fetch.RequestID, ":sample:0:")
	seq, err := json.Number(number).Int64()
	if err != nil {
		s.t.Fatal(err)
	}
	if p := s.submit(sampleOf(f+":sample:0", seq)); p.RequestID != fetch.RequestID {
		s.t.Fatalf("request_id %q, recorded is %q", p.RequestID, fetch.RequestID)
	}
}

// json sends r, wants the recorded status, and returns both bodies as values,
// without nulls, which mean the same as nothing.
func (s *stage) json(r *recording) (got, want any) {
	s.t.Helper()
	status, mediaType, body := s.send(r)
	if status != r.Response.Status || mediaType != wire.MediaJSON {
		s.t.Fatalf("%d %s %s, recorded is %d %s", status, mediaType, body, r.Response.Status, r.Response.Body)
	}
	if err := json.Unmarshal(body, &got); err != nil {
		s.t.Fatalf("%v in %s", err, body)
	}
	if err := json.Unmarshal(s.ours(r.Response.Body), &want); err != nil {
		s.t.Fatal(err)
	}
	return withoutNulls(got), withoutNulls(want)
}

func withoutNulls(v any) any {
	if object, ok := v.(map[string]any); ok {
		maps.DeleteFunc(object, func(_ string, member any) bool { return member == nil })
	}
	return v
}

// same wants the recorded answer.
func (s *stage) same(r *recording) {
	s.t.Helper()
	got, want := s.json(r)
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("recorded (-) is not what we answer (+):\n%s", diff)
	}
}

// like wants the recorded members, with values of the recorded types.
func (s *stage) like(r *recording) {
	s.t.Helper()
	got, want := s.json(r)
	kinds := func(v any) map[string]string {
		out := map[string]string{}
		for name, member := range v.(map[string]any) {
			out[name] = jsonKind(member)
		}
		return out
	}
	if diff := cmp.Diff(kinds(want), kinds(got)); diff != "" {
		s.t.Errorf("recorded (-) is not what we answer (+):\n%s", diff)
	}
}

func jsonKind(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "text"
	case []any:
		return "list"
	}
	return "object"
}

// error wants the recorded status with an explanation in our words.
func (s *stage) error(r *recording) {
	s.t.Helper()
	status, _, body := s.send(r)
	if status != r.Response.Status {
		s.t.Errorf("%d %s, recorded is %d %s", status, body, r.Response.Status, r.Response.Body)
	}
	detail(s.t, body)
}

// refusedFor wants a 400 that names what this server does not have.
func refusedFor(what string) func(*stage, *recording) {
	return func(s *stage, r *recording) {
		s.t.Helper()
		if status, _, body := s.send(r); status != http.StatusBadRequest || !strings.Contains(detail(s.t, body), what) {
			s.t.Errorf("%d %s, want 400 about %s", status, body, what)
		}
	}
}

func (s *stage) gone(r *recording) {
	s.before("09-session-finish", 200)
	s.error(r)
}

// samplerOfBaseModel: what was recorded samples from saved weights, ours does not.
func (s *stage) samplerOfBaseModel(r *recording) {
	got, want := s.json(r)
	delete(want.(map[string]any), "model_path")
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("recorded (-) is not what we answer (+):\n%s", diff)
	}
}

// full fills the queue.
func (s *stage) full() {
	s.hold = make(chan struct{})
	for seq := range int64(2) {
		s.submit(sampleOf(s.session+":sample:1", seq))
	}
}

func (s *stage) pushedBack(r *recording) {
	s.full()
	s.error(r)
}

// pushedBackBefore: the same request, after it was pushed back, is taken.
func (s *stage) pushedBackBefore(r *recording) {
	s.full()
	s.before("40-asample-429", http.StatusTooManyRequests)
	close(s.hold)
	synctest.Wait()
	s.same(r)
}

// pending wants the recorded answer without a pause, which is none: the sample
// waits its turn.
func (s *stage) pending(r *recording) {
	s.hold = make(chan struct{})
	s.sampleBefore(r)
	start := time.Now()
	got, want := s.json(r)
	if took := time.Since(start); took < 20*time.Second || took > 40*time.Second {
		s.t.Errorf("a pending answer after %v", took)
	}
	answer, recorded := got.(map[string]any), want.(map[string]any)
	recorded["request_id"] = answer["request_id"] // (echo)
	recorded["queue_state"] = wire.QueueActive
	recorded["queue_state_reason"] = answer["queue_state_reason"]
	if reason, ok := answer["queue_state_reason"].(string); !ok || reason == "" || !strings.HasPrefix(answer["request_id"].(string), s.session) {
		s.t.Errorf("pending: %v", answer)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("recorded (-) is not what we answer (+):\n%s", diff)
	}
}

// pendingBefore: a sample that was pending is done.
func (s *stage) pendingBefore(r *recording) {
	s.pending(readRecording(s.t, "43-retrieve-try-again-408"))
	s.result = r.Response.Binary
	close(s.hold)
	s.binary(r)
}

func (s *stage) failed(r *recording) {
	var want wire.FailedFuture
	if err := wire.Decode(r.Response.Body, &want); err != nil {
		s.t.Fatal(err)
	}
	s.err = errors.New(want.Error)
	if want.Category == wire.CategoryUser {
		s.err = &engine.ArgumentError{Field: "max_tokens", Value: 4096, Reason: want.Error}
		r.Response.Body, _ = json.Marshal(wire.FailedFuture{Error: s.err.Error(), Category: want.Category})
	}
	s.sampleBefore(r)
	s.same(r)
}

// fetched is the result of a sample.
func (s *stage) fetched(r *recording) {
	s.result = r.Response.Binary
	s.sampleBefore(r)
	s.binary(r)
}

// badRequest: as recorded, the request was a good one. It is a bad one here.
func (s *stage) badRequest(r *recording) {
	r.Request.Body = bytes.Replace(r.Request.Body, []byte(`"max_tokens": 4`), []byte(`"max_tokens": 0`), 1)
	refusedFor("max_tokens")(s, r)
}

// noSampler: likewise for a sampling session that there is not.
func (s *stage) noSampler(r *recording) {
	s.session = "other"
	s.error(r)
}

// polled wants the recorded completions, of the clone whose sample was recorded.
func (s *stage) polled(r *recording) {
	s.result = readRecording(s.t, "59-retrieve-after-poller").Response.Binary
	s.before("56-asample-from-clone", 200)
	synctest.Wait()
	s.same(r)
	s.binary(readRecording(s.t, "59-retrieve-after-poller"))
}

func (s *stage) capabilities(r *recording) {
	got, want := s.json(r)
	model := want.(map[string]any)["supported_models"].([]any)[0].(map[string]any)
	model["max_context_length"] = float64(fakeContext)
	model["trainable"] = false
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("recorded (-) is not what we answer (+):\n%s", diff)
	}
}

func (s *stage) sessionInfo(r *recording) {
	got, want := s.json(r)
	recorded := want.(map[string]any)
	recorded["training_run_ids"] = []any{}
	recorded["sampler_ids"] = append(recorded["sampler_ids"].([]any), s.session+":sample:1", s.session+":sample:2", s.session+":sample:3")
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("recorded (-) is not what we answer (+):\n%s", diff)
	}
}

// binary wants the recorded message.
func (s *stage) binary(r *recording) {
	s.t.Helper()
	status, mediaType, body := s.send(r)
	if status != 200 || mediaType != wire.MediaProtobuf {
		s.t.Fatalf("%d %s %s", status, mediaType, body)
	}
	got, err := wire.DecodeSampleResponse(body)
	if err != nil {
		s.t.Fatalf("%v in %s", err, base64.StdEncoding.EncodeToString(body))
	}
	want, err := wire.DecodeSampleResponse(r.Response.Binary)
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		s.t.Errorf("recorded (-) is not what we answer (+):\n%s", diff)
	}
}

// resultOf is what an engine would have answered to give a recorded message.
func resultOf(t *testing.T, binary []byte) *engine.Result {
	m, err := wire.DecodeSampleResponse(binary)
	if err != nil {
		t.Error(err)
		return nil
	}
	res := &engine.Result{CacheHitTokens: m.PromptCacheHitTokens, PromptLogprobs: m.PromptLogprobs, TopKPromptLogprobs: rowsOf(m.TopKPromptLogprobs)}
	for _, s := range m.Sequences {
		stop := engine.StopLength
		if s.StopReason == wire.StopReasonStop {
			stop = engine.StopStop
		}
		res.Sequences = append(res.Sequences, engine.Sequence{Tokens: s.Tokens, Logprobs: s.Logprobs, Stop: stop, TopK: rowsOf(s.TopK)})
	}
	if m.TargetPromptLogprobs != nil {
		for i := range int(m.TargetPromptLogprobs.Shape[0]) {
			from, to := rowOf(m.TargetPromptLogprobs, i)
			res.TargetPromptLogprobs = append(res.TargetPromptLogprobs, m.TargetPromptLogprobs.Floats[from:to])
		}
	}
	if a := m.PromptAltTokens; a != nil {
		k := int(a.Tokens.Shape[1])
		for i := range a.Tokens.Ints {
			if i%k == 0 {
				res.PromptAltTokens = append(res.PromptAltTokens, nil)
			}
			row := &res.PromptAltTokens[i/k]
			*row = append(*row, engine.TokenLogprob{ID: int32(a.Tokens.Ints[i]), Logprob: a.Logprobs.Floats[i]})
		}
	}
	return res
}

func rowsOf(t *wire.TopK) [][]engine.TokenLogprob {
	if t == nil {
		return nil
	}
	rows := make([][]engine.TokenLogprob, len(t.Rows))
	for i, row := range t.Rows {
		for _, cell := range row {
			rows[i] = append(rows[i], engine.TokenLogprob{ID: cell.Token, Logprob: cell.Logprob})
		}
	}
	return rows
}
