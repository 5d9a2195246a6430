package tinker

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tinsmith.example/internal/wire"
)

// An exchange is a recorded request of the official client with the answer it
// took.
type exchange struct {
	Request struct {
		Body map[string]any
	}
	Response struct {
		Body       json.RawMessage
		BodyBase64 string `json:"body_base64"`
	}
}

func readTestdata(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// replay makes the fake answer as recorded in NN-asample-name and
// NN-retrieve-name, and returns the recorded request.
func (f *fake) replay(t *testing.T, number, name string) map[string]any {
	t.Helper()
	var submit, poll exchange
	readTestdata(t, number+"-asample-"+name, &submit)
	readTestdata(t, number+"-retrieve-"+name, &poll)
	body, err := base64.StdEncoding.DecodeString(poll.Response.BodyBase64)
	if err != nil {
		t.Fatal(err)
	}
	f.on(wire.PathSample, string(submit.Response.Body))
	f.answer[wire.PathRetrieveFuture] = func(seenRequest) reply { return reply{status: 200, body: string(body), binary: true} }
	return submit.Request.Body
}

// sent is the body of the fake's last asample, to compare with a recorded one.
func (f *fake) sent(t *testing.T) map[string]any {
	t.Helper()
	requests := f.to(wire.PathSample)
	return requests[len(requests)-1].body
}

// differ compares a body with a recorded one, but for the names of session and
// request.
func differ(t *testing.T, recorded, sent map[string]any) {
	t.Helper()
	for _, name := range []string{"seq_id", "sampling_session_id"} {
		if _, ok := sent[name]; !ok {
			t.Errorf("%s is not sent", name)
		}
		delete(recorded, name)
		delete(sent, name)
	}
	if diff := cmp.Diff(recorded, sent); diff != "" {
		t.Errorf("recorded (-), ours (+):\n%s", diff)
	}
}

// What the official client sends, we send; what it makes of the answer, we do.
func TestSamplingIsAsRecorded(t *testing.T) {
	prompt := FromTokens([]int32{9707, 11, 1879, 0})
	max := func(n int) SamplingParams { return SamplingParams{MaxTokens: n} }
	for _, tt := range []struct {
		number, name string
		request      SampleRequest
		stability    bool
	}{
		{number: "20", name: "text", request: SampleRequest{Params: max(4)}},
		{number: "21", name: "stop-string", request: SampleRequest{Params: SamplingParams{MaxTokens: 16, Stop: StopStrings("\n")}}},
		{number: "22", name: "stop-strings", request: SampleRequest{
			Params: SamplingParams{MaxTokens: 16, Stop: StopStrings("\n\n", "<|im_end|>"), Temperature: new(0.7)}}},
		{number: "23", name: "stop-token-ids", request: SampleRequest{
			Params: SamplingParams{MaxTokens: 16, Stop: StopTokens(151645, 151643), Temperature: new(0.0)}}},
		{number: "24", name: "stop-empty", request: SampleRequest{Params: SamplingParams{MaxTokens: 4, Stop: NoStop()}}},
		{number: "25", name: "seed-topk-topp", request: SampleRequest{
			Params: SamplingParams{MaxTokens: 4, Seed: new(int64(1234)), Temperature: new(0.8), TopK: 40, TopP: 0.95}}},
		{number: "26", name: "prompt-logprobs", request: SampleRequest{Params: max(1), PromptLogprobs: true}},
		{number: "27", name: "topk-prompt-logprobs", request: SampleRequest{Params: max(1), PromptLogprobs: true, TopKPromptLogprobs: 3}},
		{number: "28", name: "topk-sample-logprobs", request: SampleRequest{Params: max(2), TopKSampleLogprobs: 2}},
		{number: "29", name: "target-prompt-logprobs-dense", request: SampleRequest{
			Params: max(1), TargetPromptLogprobs: &TargetTokens{Rows: [][]int32{{11}, {1879, 13}, {-1, 0}}}}},
		{number: "31", name: "prompt-alt-tokens", request: SampleRequest{Params: max(1), PromptAltTokensK: 2}},
		{number: "32", name: "prompt-logprobs-last-n", request: SampleRequest{Params: max(1), PromptLogprobs: true, PromptLogprobsLastN: 2}},
		{number: "36", name: "num-samples-3", request: SampleRequest{NumSamples: 3, Params: SamplingParams{MaxTokens: 2, Stop: StopTokens(13)}}},
		{number: "37", name: "record-stability-info", request: SampleRequest{Params: max(4)}, stability: true},
		{number: "38", name: "no-max-tokens"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFake(t)
				recorded := f.replay(t, tt.number, tt.name)
				client := f.sampling(t, SamplingClientConfig{RecordStabilityInfo: tt.stability})
				tt.request.Prompt = prompt
				got, err := client.Sample(t.Context(), &tt.request)
				if err != nil {
					t.Fatal(err)
				}
				differ(t, recorded, f.sent(t))
				if tt.number < "37" {
					checkDecoded(t, tt.number+"-retrieve-"+tt.name, got)
				}
			})
		})
	}
}

// checkDecoded compares a response with what the official client hands to its
// caller.
func checkDecoded(t *testing.T, name string, got *SampleResponse) {
	t.Helper()
	var want struct {
		Sequences []struct {
			StopReason StopReason     `json:"stop_reason"`
			SequenceID string         `json:"sequence_id"`
			Tokens     []int32        `json:"tokens"`
			Logprobs   Logprobs       `json:"logprobs"`
			TopK       [][][2]float32 `json:"topk_logprobs"`
		} `json:"sequences"`
		PromptLogprobs       Logprobs                                             `json:"prompt_logprobs"`
		TopKPromptLogprobs   [][][2]float32                                       `json:"topk_prompt_logprobs"`
		TargetPromptLogprobs *struct{ Data []float32 }                            `json:"target_prompt_logprobs"`
		PromptAltTokens      *struct{ Tokens, Logprobs struct{ Data []float32 } } `json:"prompt_alt_tokens"`
		CacheHits            int                                                  `json:"prompt_cache_hit_tokens"`
	}
	readTestdata(t, name+".decoded", &want)
	expected := &SampleResponse{
		PromptLogprobs: want.PromptLogprobs, TopKPromptLogprobs: cells(want.TopKPromptLogprobs), PromptCacheHitTokens: want.CacheHits,
	}
	for i, s := range want.Sequences {
		expected.RequestID = strings.TrimSuffix(s.SequenceID, fmt.Sprintf(":%d", i)) // which the official client keeps to itself
		expected.Sequences = append(expected.Sequences, Sequence{s.SequenceID, s.Tokens, s.Logprobs, cells(s.TopK), s.StopReason})
	}
	if want.TargetPromptLogprobs != nil { // [3, 2] there; the cells that ask nothing are 0 there
		d, nan := want.TargetPromptLogprobs.Data, float32(math.NaN())
		expected.TargetPromptLogprobs = [][]float32{{d[0]}, {d[2], d[3]}, {nan, d[5]}}
	}
	if a := want.PromptAltTokens; a != nil { // [3, 2] there
		for i := range 3 {
			var row []TokenLogprob
			for j := range 2 {
				row = append(row, TokenLogprob{int32(a.Tokens.Data[2*i+j]), a.Logprobs.Data[2*i+j]})
			}
			expected.PromptAltTokens = append(expected.PromptAltTokens, row)
		}
	}
	same := cmp.Comparer(func(a, b float32) bool { return a == b || a != a && b != b })
	if diff := cmp.Diff(expected, got, same); diff != "" {
		t.Errorf("official (-), ours (+):\n%s", diff)
	}
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

func TestComputeLogprobsIsAsRecorded(t *testing.T) {
	prompt := FromTokens([]int32{9707, 11, 1879, 0})
	for _, tt := range []struct {
		number, name string
		opts         []LogprobsOption
	}{
		{"54", "compute-logprobs", nil},
		{"55", "compute-logprobs-last-n", []LogprobsOption{LastN(2)}},
	} {
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			recorded := f.replay(t, tt.number, tt.name)
			got, err := f.sampling(t, SamplingClientConfig{}).ComputeLogprobs(t.Context(), prompt, tt.opts...)
			if err != nil {
				t.Fatal(err)
			}
			differ(t, recorded, f.sent(t))
			var want struct{ Value json.RawMessage }
			readTestdata(t, tt.number+"-retrieve-"+tt.name+".decoded", &want)
			gotJSON, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			var wantList, gotList []*float32 // null for NaN
			if err := json.Unmarshal(want.Value, &wantList); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(gotJSON, &gotList); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wantList, gotList); diff != "" {
				t.Errorf("official (-), ours (+):\n%s", diff)
			}
		})
	}
}
