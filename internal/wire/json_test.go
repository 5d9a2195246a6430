package wire

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// body is a sampling request with one member replaced.
func body(members string) string {
	return `{"sampling_session_id":"s","seq_id":0,"prompt":{"chunks":[{"type":"encoded_text","tokens":[1]}]}` + members + `}`
}

func TestMalformedRequestsAreRefusedWithTheirPlace(t *testing.T) {
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, tt := range []struct{ name, body, want string }{
		{"empty", ``, "ends too early"},
		{"not JSON", `hello`, "body"},
		{"cut short", `{"seq_id": 1`, "ends too early"},
		{"list", `[]`, "body: want an object, got a list"},
		{"two values", `{} {}`, "body"},
		{"trailing text", `{}x`, "body"},
		{"member twice", `{"seq_id":1,"seq_id":2}`, "seq_id"},
		{"unknown member twice", `{"x":1,"x":2}`, "x"},
		{"nested member twice", body(`,"sampling_params":{"top_p":1,"top_p":0.5}`), "sampling_params.top_p"},
		{"invalid UTF-8", "{\"sampling_session_id\":\"\xff\"}", "UTF-8"},
		{"deep nesting", `{"x":` + deep + `}`, "depth"},
		{"text for an integer", `{"seq_id":"1"}`, "seq_id: want an integer, got text"},
		{"fraction for an integer", `{"seq_id":1.5}`, "seq_id: 1.5 is not an integer"},
		{"exponent for an integer", `{"seq_id":1e3}`, "seq_id: 1e3 is not an integer"},
		{"65 bits", `{"seq_id":9223372036854775808}`, "seq_id: 9223372036854775808 does not fit into a 64-bit integer"},
		{"number for text", `{"sampling_session_id":1}`, "sampling_session_id: want text, got a number"},
		{"number for bool", `{"prompt_logprobs":1}`, "prompt_logprobs: want true or false, got a number"},
		{"text for a number", body(`,"sampling_params":{"temperature":"1"}`), "sampling_params.temperature: want a number, got text"},
		{"huge number", body(`,"sampling_params":{"temperature":1e999}`), "sampling_params.temperature"},
		{"NaN", body(`,"sampling_params":{"temperature":NaN}`), "sampling_params.temperature"},
		{"object for a list", `{"prompt":{"chunks":{}}}`, "prompt.chunks: want a list of chunks, got an object"},
		{"number for a chunk", `{"prompt":{"chunks":[{"tokens":[]},7]}}`, "prompt.chunks[1]: want a chunk object, got a number"},
		{"chunk of no kind", `{"prompt":{"chunks":[{}]}}`, "prompt.chunks[0].type: is required"},
		{"chunk of unknown kind", `{"prompt":{"chunks":[{"type":"video"}]}}`, `prompt.chunks[0].type: unknown chunk type "video"`},
		{"text chunk without tokens", `{"prompt":{"chunks":[{"type":"encoded_text"}]}}`, "prompt.chunks[0].tokens: is required"},
		{"text as tokens", `{"prompt":{"chunks":[{"tokens":"abc"}]}}`, "prompt.chunks[0].tokens: want a list of token ids, got text"},
		{"text among tokens", `{"prompt":{"chunks":[{"tokens":[1,"2"]}]}}`, "prompt.chunks[0].tokens[1]: want a number, got text"},
		{"list among tokens", `{"prompt":{"chunks":[{"tokens":[1,[2,3]]}]}}`, "prompt.chunks[0].tokens[1]: want a number, got a list"},
		{"fraction among tokens", `{"prompt":{"chunks":[{"tokens":[1.25]}]}}`, "prompt.chunks[0].tokens[0]: 1.25 is not an integer"},
		{"token of 33 bits", `{"prompt":{"chunks":[{"tokens":[2147483648]}]}}`, "prompt.chunks[0].tokens[0]: token id 2147483648 is not in"},
		{"image format", `{"prompt":{"chunks":[{"data":"","format":"gif"}]}}`, `prompt.chunks[0].format: want "png" or "jpeg", got "gif"`},
		{"image not base64", `{"prompt":{"chunks":[{"data":"?","format":"png"}]}}`, "prompt.chunks[0].data"},
		{"negative expected tokens", `{"prompt":{"chunks":[{"location":"x","format":"png","expected_tokens":-1}]}}`, "expected_tokens: -1 is negative"},
		{"stop number", body(`,"sampling_params":{"stop":7}`), "sampling_params.stop: want text, a list of texts or a list of token ids"},
		{"stop of texts and ids", body(`,"sampling_params":{"stop":["a",1]}`), "sampling_params.stop[1]: want text like the entries before, got a number"},
		{"stop of ids and texts", body(`,"sampling_params":{"stop":[1,"a"]}`), "sampling_params.stop[1]: want a number, got text"},
		{"tensor without data", body(`,"target_prompt_logprobs":{"dtype":"int64"}`), "target_prompt_logprobs.data: is required"},
		{"tensor of texts", body(`,"target_prompt_logprobs":{"data":["1"],"dtype":"int64"}`), "target_prompt_logprobs.data[0]: want a number, got text"},
		{"tensor of another type", body(`,"target_prompt_logprobs":{"data":[1],"dtype":"int8"}`), `target_prompt_logprobs: dtype "int8"`},
		{"tensor too small", body(`,"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[3,2]}`), "has 6 cells, but there are 1 numbers"},
		{"tensor that lies", body(`,"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[9223372036854775807,9223372036854775807]}`), "too many cells"},
		{"CSR that lies", body(`,"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[4611686018427387904,1],"sparse_crow_indices":[0,1],"sparse_col_indices":[0]}`), "sparse_crow_indices has 2 entries"},
		{"CSR column", body(`,"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[1,1],"sparse_crow_indices":[0,1],"sparse_col_indices":[1]}`), "sparse_col_indices[0] is 1, want 0 to 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r SampleRequest
			err := Decode([]byte(tt.body), &r)
			if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Decode: %v\nwant a *FormatError with %q", err, tt.want)
			}
		})
	}
}

func TestNullAndAbsentMeanNotSet(t *testing.T) {
	var r SampleRequest
	err := Decode([]byte(body(`,"num_samples":null,"prompt_logprobs_last_n":null,"target_prompt_logprobs":null,"base_model":null,
		"topk_prompt_logprobs":null,"sampling_params":{"max_tokens":null,"seed":null,"stop":null,"temperature":null,"top_k":null,"top_p":null}`)), &r)
	if err != nil {
		t.Fatal(err)
	}
	want := SampleRequest{SamplingSessionID: "s", SeqID: new(int64(0)), Prompt: ModelInput{[]Chunk{TextChunk([]int32{1})}}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestAbsentFlagsKeepTheirDefaults(t *testing.T) {
	c := DefaultClientConfig()
	if err := Decode([]byte(`{"sample_max_concurrent_requests": 7, "parallel_fwdbwd_chunks": null, "new_flag": true}`), &c); err != nil {
		t.Fatal(err)
	}
	want := DefaultClientConfig()
	want.SampleMaxConcurrent = 7
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

func TestIntegersTakeNoDetourThroughFloats(t *testing.T) {
	const id = 987654321_000000001 // no float64 has this value
	b, err := Encode(&SampleRequest{SeqID: new(int64(id)), SamplingParams: SamplingParams{Seed: new(int64(math.MinInt64))}})
	if err != nil {
		t.Fatal(err)
	}
	var r SampleRequest
	if err := Decode(b, &r); err != nil || *r.SeqID != id || *r.SamplingParams.Seed != math.MinInt64 {
		t.Errorf("%s: seq_id %d, seed %d, %v", b, *r.SeqID, *r.SamplingParams.Seed, err)
	}
}

func TestIntegersMayHaveAFractionOfZeros(t *testing.T) {
	var r SampleRequest
	if err := Decode([]byte(body(`,"num_samples":3.0,"sampling_params":{"max_tokens":4.00,"temperature":1}`)), &r); err != nil {
		t.Fatal(err)
	}
	if *r.NumSamples != 3 || *r.SamplingParams.MaxTokens != 4 || *r.SamplingParams.Temperature != 1 {
		t.Errorf("got %d, %d, %v", *r.NumSamples, *r.SamplingParams.MaxTokens, *r.SamplingParams.Temperature)
	}
}

func TestStopForms(t *testing.T) {
	for _, tt := range []struct {
		json string
		want Stop
	}{
		{`"x"`, Stop{Kind: StopText, Texts: []string{"x"}}},
		{`""`, Stop{Kind: StopText, Texts: []string{""}}},
		{`["a","\u00e9"]`, Stop{Kind: StopTexts, Texts: []string{"a", "é"}}},
		{`[2,0]`, Stop{Kind: StopTokens, Tokens: []int32{2, 0}}},
		{`[]`, Stop{Kind: StopNever}},
		{`[ ]`, Stop{Kind: StopNever}},
		{`null`, Stop{}},
	} {
		var p SamplingParams
		if err := Decode([]byte(`{"stop":`+tt.json+`}`), &p); err != nil {
			t.Errorf("%s: %v", tt.json, err)
			continue
		}
		if diff := cmp.Diff(tt.want, p.Stop); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", tt.json, diff)
		}
		b, err := Encode(&p)
		if err != nil {
			t.Errorf("%s: %v", tt.json, err)
			continue
		}
		var again SamplingParams
		if err := Decode(b, &again); err != nil || !cmp.Equal(again.Stop, tt.want) {
			t.Errorf("%s became %s", tt.json, b)
		}
	}
}

func TestNonFiniteNumbersAreNeverWritten(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, v := range []any{
			&SampleRequest{SamplingParams: SamplingParams{Temperature: &f}},
			&SampleRequest{TargetPromptLogprobs: &Tensor{DType: Float32, Floats: []float32{float32(f)}}},
		} {
			if b, err := Encode(v); err == nil {
				t.Errorf("%v was written: %s", f, b)
			}
		}
	}
}

func TestUnknownMembersThatAskForSomethingAreNamed(t *testing.T) {
	var r SampleRequest
	err := Decode([]byte(body(`,"beam_width":4,"later":0,"off":false,"none":null,"blank":"","list":[ ],"object":{},"extra":{"a":1},
		"sampling_params":{"typical_p":0.1,"min_p":0.1,"penalty":0.0,"zero":-0e7,"bias":{"5":1},"top_p":1}`)), &r)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"beam_width", "extra", "sampling_params.bias", "sampling_params.typical_p"}
	if got := r.UnknownSet(); !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEmptyListsAreWritten(t *testing.T) {
	b, err := Encode(&CreateSessionRequest{})
	if err != nil || string(b) != `{"tags":[],"user_metadata":{},"sdk_version":""}` {
		t.Errorf("%s, %v", b, err)
	}
	b, err = Encode(&ModelInput{Chunks: []Chunk{TextChunk(nil)}})
	if err != nil || string(b) != `{"chunks":[{"tokens":[],"type":"encoded_text"}]}` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestErrorMessage(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`{"detail":"no such model"}`, "no such model"},
		{`{"detail":{"a":1}}`, `{"a":1}`},
		{`{"detail":null}`, `{"detail":null}`},
		{`<html>502</html>`, `<html>502</html>`},
		{``, ``},
	} {
		if got := ErrorMessage([]byte(tt.body)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.body, got, tt.want)
		}
	}
	if got := ErrorMessage(make([]byte, 1<<20)); len(got) > maxMessage+3 {
		t.Errorf("a message of %d bytes", len(got))
	}
}

func TestFutureAnswers(t *testing.T) {
	for _, tt := range []struct {
		body string
		want FutureAnswer
	}{
		{`{"type":"try_again","request_id":"r","queue_state":"active","queue_state_reason":null}`, &TryAgain{TypeTryAgain, "r", QueueActive, ""}},
		{`{"type":"try_again","error":"x"}`, &TryAgain{Type: TypeTryAgain}},
		{`{"status":"complete_metadata","response_payload_size":12}`, &CompleteMetadata{StatusCompleteMetadata, 12}},
		{`{"error":"boom","category":"user"}`, &FailedFuture{"boom", CategoryUser}},
		{`{"error":"boom","category":"Server"}`, &FailedFuture{"boom", CategoryUnknown}},
		{`{"error":{"a":1}}`, &FailedFuture{`{"a":1}`, CategoryUnknown}},
		{`{"error":null,"x":1}`, &FutureResult{[]byte(`{"error":null,"x":1}`)}},
		{`{"status":"ready"}`, &FutureResult{[]byte(`{"status":"ready"}`)}},
	} {
		got, err := DecodeFutureAnswer([]byte(tt.body))
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, want (-), got (+):\n%s", tt.body, err, diff)
		}
	}
	for _, body := range []string{``, `[]`, `{"status":"complete_metadata"}`, `{"status":"complete_metadata","response_payload_size":-1}`} {
		if got, err := DecodeFutureAnswer([]byte(body)); err == nil {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

// TestDecodeStrictRefusesWhatDecodeSkips, by name and wherever it is.
func TestDecodeStrictRefusesWhatDecodeSkips(t *testing.T) {
	for body, path := range map[string]string{
		`{"chunks":[]}`:            "",
		`{"chunks":[],"colour":1}`: "colour",
		`{"chunks":[{"type":"encoded_text","tokens":[],"size":null}]}`: "chunks[0].size",
	} {
		var loose, strict ModelInput
		if err := Decode([]byte(body), &loose); err != nil {
			t.Errorf("%s: Decode: %v", body, err)
		}
		err := DecodeStrict([]byte(body), &strict)
		if path == "" {
			if err != nil {
				t.Errorf("%s: %v", body, err)
			}
			continue
		}
		if e, ok := errors.AsType[*FormatError](err); !ok || e.Path != path {
			t.Errorf("%s: %v, want an error at %s", body, err, path)
		}
	}
}

func TestEncodeSampleRequestIsEncode(t *testing.T) {
	text := func(ids ...int32) Chunk { return TextChunk(ids) }
	params := func(p SamplingParams) *SampleRequest { return &SampleRequest{SamplingParams: p} }
	for name, r := range map[string]*SampleRequest{
		"empty":      {},
		"no tokens":  {Prompt: ModelInput{[]Chunk{text()}}},
		"text":       {SamplingSessionID: "s", SeqID: new(int64(1e15)), Prompt: ModelInput{[]Chunk{text(0, -1, math.MaxInt32, math.MinInt32)}}, Type: TypeSample},
		"two chunks": {Prompt: ModelInput{[]Chunk{text(1), text(2, 3)}}, PromptLogprobs: true},
		"everything": {
			SamplingSessionID: "s", SeqID: new(int64(-3)), BaseModel: "m", ModelPath: "tinker://a/b", NumSamples: new(0),
			Prompt: ModelInput{[]Chunk{text(5)}}, PromptLogprobs: true, TopKPromptLogprobs: 1, TopKSampleLogprobs: 2,
			TargetPromptLogprobs: &Tensor{}, PromptAltTokensK: 3, PromptLogprobsLastN: new(4), RecordStabilityInfo: true, Type: "x",
			SamplingParams: SamplingParams{MaxTokens: new(1), Seed: new(int64(math.MinInt64)), Stop: Stop{Kind: StopTokens, Tokens: []int32{1, 2}}, Temperature: new(0.7), TopK: new(-1), TopP: new(1.0), MinP: new(0.1)},
		},
		"a text to escape": {ModelPath: "a\u2028<\x7f\t", Type: "é"},
		"never a stop":     params(SamplingParams{Stop: Stop{Kind: StopNever}}),
		"no stop tokens":   params(SamplingParams{Stop: Stop{Kind: StopTokens}}),
		"a stop text":      params(SamplingParams{Stop: Stop{Kind: StopText, Texts: []string{"\n"}}}),
		"large numbers":    params(SamplingParams{Temperature: new(1e21), TopP: new(1e20), MinP: new(math.MaxFloat64)}),
		"small numbers":    params(SamplingParams{Temperature: new(1e-6), TopP: new(9.9e-7), MinP: new(math.SmallestNonzeroFloat64)}),
		"zeros":            params(SamplingParams{Temperature: new(0.0), TopP: new(math.Copysign(0, -1)), MinP: new(-0.5)}),
		"unknown":          {Unknown: map[string]jsontext.Value{"b": jsontext.Value(`1`)}, SamplingParams: SamplingParams{Unknown: map[string]jsontext.Value{"c": jsontext.Value(`[2]`)}}},
		"an image":         {Prompt: ModelInput{[]Chunk{text(1), {Type: ChunkImage, Data: []byte{1}, Format: ImagePNG}}}},
		"a sly session":    {SamplingSessionID: `"prompt":{"chunks":[]}`, ModelPath: `\"prompt":{"chunks":[]}`, Prompt: ModelInput{[]Chunk{text(1)}}},
		"a sly extension":  {Prompt: ModelInput{[]Chunk{text(1)}}, Unknown: map[string]jsontext.Value{"a": jsontext.Value(`{"prompt":{"chunks":[]}}`)}},
	} {
		want, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := EncodeSampleRequest(r); err != nil || string(got) != string(want) {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
	}
	for name, p := range map[string]SamplingParams{
		"NaN":                {Temperature: new(math.NaN())},
		"infinity":           {MinP: new(math.Inf(1))},
		"no stop text":       {Stop: Stop{Kind: StopText}},
		"a stop of no kind":  {Stop: Stop{Kind: 9}},
		"stop texts of none": {Stop: Stop{Kind: StopText, Texts: []string{"a", "b"}}},
	} {
		if _, err := EncodeSampleRequest(params(p)); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
}

// TestEveryMemberIsEncoded sets each field alone, to values of all kinds: one that is
// added later is not to be forgotten where requests are written by hand.
func TestEveryMemberIsEncoded(t *testing.T) {
	values := []any{
		"a", "\\", "\"", "\x1f", "~\x7f", "é", true, 1, -1, int64(math.MinInt64), new(0), new(-7), new(int64(math.MaxInt64)),
		new(0.0), new(math.Copysign(0, -1)), new(1e-6), new(math.Nextafter(1e-6, 0)), new(0.1), new(1e20), new(1e21), new(math.Nextafter(1e21, 0)), new(-0.5),
		Stop{Kind: StopTokens, Tokens: []int32{1, -2}}, Stop{Kind: StopTokens}, Stop{Kind: StopNever}, Stop{Kind: StopTexts}, Stop{Kind: StopTexts, Texts: []string{"a"}},
		ModelInput{[]Chunk{TextChunk([]int32{1, 2})}}, &Tensor{}, map[string]jsontext.Value{"b": jsontext.Value("1")},
	}
	var fill func(r *SampleRequest, of reflect.Value, name string)
	fill = func(r *SampleRequest, of reflect.Value, name string) {
		for i := range of.NumField() {
			field, name, tried := of.Field(i), name+of.Type().Field(i).Name, false
			if field.Addr().Interface() == any(&r.SamplingParams) {
				fill(r, field, name+".")
				continue
			}
			for _, v := range values {
				if reflect.TypeOf(v) != field.Type() {
					continue
				}
				field.Set(reflect.ValueOf(v))
				want, err := Encode(r)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := EncodeSampleRequest(r); err != nil || string(got) != string(want) {
					t.Errorf("%s %v: got %s, %v, want %s", name, v, got, err, want)
				}
				field.SetZero()
				tried = true
			}
			if !tried {
				t.Errorf("no value to try for %s", name)
			}
		}
	}
	var r SampleRequest
	fill(&r, reflect.ValueOf(&r).Elem(), "")
}
