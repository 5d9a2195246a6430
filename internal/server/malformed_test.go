package server

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/internal/wire"
)

// A posted endpoint takes a JSON body.
type posted struct {
	path    string // SESSION and SAMPLER stand for ones that exist
	valid   string // a body that it takes
	members map[string]memberKind
}

type memberKind string

const (
	textMember   memberKind = "text"
	intMember    memberKind = "an integer"
	boolMember   memberKind = "true or false"
	listMember   memberKind = "a list"
	objectMember memberKind = "an object"
)

// postedEndpoints are all that take a body.
var postedEndpoints = []posted{
	{wire.PathClientConfig, `{"sdk_version":"0.38.0"}`, map[string]memberKind{"sdk_version": textMember}},
	{wire.PathDynamicConfig, `{"sdk_version":"0.38.0"}`, map[string]memberKind{"sdk_version": textMember}},
	{wire.PathTelemetry, `{"events":[],"platform":"Linux"}`, map[string]memberKind{"events": listMember, "session_id": textMember}},
	{wire.PathCreateSession, `{"tags":[],"user_metadata":{},"sdk_version":"0.38.0"}`,
		map[string]memberKind{"tags": listMember, "user_metadata": objectMember, "sdk_version": textMember, "project_id": textMember}},
	{wire.PathSessionHeartbeat, `{"session_id":"SESSION"}`, map[string]memberKind{"session_id": textMember}},
	{wire.PathSessions + "SESSION/finish", `{"reason":{"type":"success"},"detail":null}`, map[string]memberKind{"reason": objectMember, "detail": textMember}},
	{wire.PathCreateSamplingSession, `{"session_id":"SESSION","sampling_session_seq_id":0,"base_model":"MODEL"}`,
		map[string]memberKind{"session_id": textMember, "sampling_session_seq_id": intMember, "base_model": textMember, "model_path": textMember}},
	{wire.PathRetrieveFuture, `{"request_id":"SAMPLER:7","allow_metadata_only":true}`,
		map[string]memberKind{"request_id": textMember, "allow_metadata_only": boolMember}},
	{wire.PathCancelFuture, `{"request_id":"SAMPLER:7"}`, map[string]memberKind{"request_id": textMember}},
	{wire.PathSample, `{"sampling_session_id":"SAMPLER","seq_id":7,"prompt":{"chunks":[{"tokens":[5,6,7],"type":"encoded_text"}]},"sampling_params":{"max_tokens":2}}`,
		map[string]memberKind{
			"sampling_session_id": textMember, "seq_id": intMember, "num_samples": intMember, "prompt": objectMember,
			"sampling_params": objectMember, "prompt_logprobs": boolMember, "topk_prompt_logprobs": intMember,
			"topk_sample_logprobs": intMember, "target_prompt_logprobs": objectMember, "prompt_alt_tokens_k": intMember,
			"prompt_logprobs_last_n": intMember, "record_stability_info": boolMember, "base_model": textMember,
			"model_path": textMember, "type": textMember,
		}},
}

// noJSON are bodies that are no JSON text, whatever the endpoint. VALID stands
// for its valid body, MEMBERS for what is between the braces.
func noJSON() map[string]string {
	deep := strings.Repeat(`{"x":[`, 20_000)
	return map[string]string{
		"nothing but blanks":               " \n\t",
		"text":                             "hello",
		"byte order mark":                  "\xef\xbb\xbfVALID",
		"UTF-16":                           "\xff\xfe{\x00}\x00",
		"bytes that are no UTF-8":          `{"x":"` + "\xff\xfe" + `",MEMBERS}`,
		"a name that is no UTF-8":          "{\"\xc3\":1,MEMBERS}",
		"a surrogate in UTF-8":             "{\"x\":\"\xed\xa0\x80\",MEMBERS}",
		"overlong UTF-8":                   "{\"x\":\"\xc0\x80\",MEMBERS}",
		"half a pair of surrogates":        `{"x":"\ud800",MEMBERS}`,
		"the other half":                   `{"x":"\udc00",MEMBERS}`,
		"halves in the wrong order":        `{"x":"\udc00\ud800",MEMBERS}`,
		"half a pair in a name":            `{"\ud83d":1,MEMBERS}`,
		"half an escape":                   `{"x":"\u12",MEMBERS}`,
		"an unknown escape":                `{"x":"\q",MEMBERS}`,
		"a control character":              "{\"x\":\"\x00\",MEMBERS}",
		"a line break in text":             "{\"x\":\"a\nb\",MEMBERS}",
		"single quotes":                    `{'x':1,MEMBERS}`,
		"a name without quotes":            `{x:1,MEMBERS}`,
		"a comment":                        `{/* */MEMBERS}`,
		"a comma too many":                 `{MEMBERS,}`,
		"a comma too few":                  `{"x":1 MEMBERS}`,
		"an unknown name twice":            `{"x":1,"x":1,MEMBERS}`,
		"every name twice":                 `{MEMBERS,MEMBERS}`,
		"a name twice within":              `{"x":{"y":1,"y":1},MEMBERS}`,
		"a name twice, once escaped":       `{"x":1,"\u0078":1,MEMBERS}`,
		"NaN":                              `{"x":NaN,MEMBERS}`,
		"Infinity":                         `{"x":Infinity,MEMBERS}`,
		"-Infinity":                        `{"x":-Infinity,MEMBERS}`,
		"a number with a plus":             `{"x":+1,MEMBERS}`,
		"a number with a zero before":      `{"x":01,MEMBERS}`,
		"a number that ends in its point":  `{"x":1.,MEMBERS}`,
		"a number that begins with it":     `{"x":.5,MEMBERS}`,
		"a hexadecimal number":             `{"x":0x10,MEMBERS}`,
		"half an exponent":                 `{"x":1e,MEMBERS}`,
		"True":                             `{"x":True,MEMBERS}`,
		"garbage behind":                   `VALID x`,
		"a second value":                   `VALIDVALID`,
		"a zero byte behind":               "VALID\x00",
		"nesting without an end":           deep,
		"nesting with an end":              deep + "1" + strings.Repeat("]}", 20_000),
		"nesting behind what is known":     `{MEMBERS,"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		"a megabyte of text without end":   `{"x":"` + strings.Repeat("a", 1<<20),
		"a megabyte of brackets":           strings.Repeat("[", 1<<20),
		"a megabyte of digits and no more": strings.Repeat("9", 1<<20),
		"another kind of value, a list":    `[VALID]`,
		"another kind of value, text":      `"x"`,
		"another kind of value, a number":  `7`,
		"another kind of value, a truth":   `true`,
		"form fields":                      "session_id=x&seq_id=0",
	}
}

// wrongFor are values that a member of a kind cannot have. Null, which every
// member can, is not among them.
func wrongFor(kind memberKind) []string {
	wrong := slices.Clone(map[memberKind][]string{
		textMember: {`"\ud800"`, "\"\xff\""},
		intMember: {`1.5`, `1e3`, `1e400`, `9223372036854775808`, `-9223372036854775809`, `NaN`,
			strings.Repeat("9", 100_000), `1.` + strings.Repeat("0", 100_000) + `1`},
		boolMember: {`0`, `"true"`},
	}[kind])
	for other, value := range map[memberKind]string{
		textMember: `"1"`, intMember: `1`, boolMember: `true`, listMember: `[1]`, objectMember: `{"x":1}`,
	} {
		if other != kind {
			wrong = append(wrong, value)
		}
	}
	slices.Sort(wrong)
	return wrong
}

// wrongSamples are bodies of asample that are JSON and no request for a sample,
// beside members of another kind: what follows the valid prompt.
var wrongSamples = []string{
	`"sampling_params":{"temperature":1e400}`, `"sampling_params":{"temperature":-1}`, `"sampling_params":{"temperature":"1"}`,
	`"sampling_params":{"top_p":-0}`, `"sampling_params":{"top_p":1.0000001}`, `"sampling_params":{"top_k":-2}`, `"sampling_params":{"top_k":2.5}`,
	`"sampling_params":{"min_p":-1e-300}`, `"sampling_params":{"max_tokens":-0}`, `"sampling_params":{"max_tokens":1e2}`,
	`"sampling_params":{"max_tokens":9223372036854775807}`, `"sampling_params":{"seed":9223372036854775808}`, `"sampling_params":{"seed":1.5}`,
	`"sampling_params":{"stop":[[]]}`, `"sampling_params":{"stop":[null]}`, `"sampling_params":{"stop":{}}`, `"sampling_params":{"stop":[1,"a"]}`,
	`"sampling_params":{"stop":[1e400]}`, `"sampling_params":{"stop":"\ud800"}`, `"sampling_params":{"stop":[4294967296]}`, `"sampling_params":{"stop":[-1]}`,
	`"sampling_params":{"logit_bias":{"5":1}}`, `"sampling_params":[]`, `"beam_width":4`, `"x":{"y":[]}`, `"x":1e400`,
	`"num_samples":0`, `"num_samples":-9223372036854775808`, `"num_samples":1000000`,
	`"topk_prompt_logprobs":-1`, `"topk_prompt_logprobs":129`, `"topk_sample_logprobs":2147483648`, `"prompt_alt_tokens_k":129`,
	`"prompt_logprobs_last_n":1`, `"prompt_logprobs":true,"prompt_logprobs_last_n":0`, `"prompt_logprobs":true,"prompt_logprobs_last_n":3`,
	`"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[9223372036854775807,9223372036854775807]}`,
	`"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[2,4611686018427387904]}`,
	`"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[-1,-1]}`,
	`"target_prompt_logprobs":{"data":[1,2],"dtype":"int64","shape":[2,1.5]}`,
	`"target_prompt_logprobs":{"data":[1,2],"dtype":"int32","shape":[2,1]}`,
	`"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[2,9],"sparse_crow_indices":[0,2,1],"sparse_col_indices":[0]}`,
	`"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[2,9],"sparse_crow_indices":[],"sparse_col_indices":[0]}`,
	`"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[2,9],"sparse_crow_indices":[0,0,9223372036854775807],"sparse_col_indices":[0]}`,
	`"target_prompt_logprobs":{"data":"1","dtype":"int64"}`, `"model_path":"tinker://a/b/c"`, `"base_model":"other/model"`,
}

// wrongPrompts are prompts that cannot be sampled from.
var wrongPrompts = []string{
	`{}`, `{"chunks":{}}`, `{"chunks":[7]}`, `{"chunks":[null]}`, `{"chunks":[{}]}`, `{"chunks":[{"tokens":[1.5]}]}`, `{"chunks":[{"tokens":[1e400]}]}`,
	`{"chunks":[{"tokens":["5"]}]}`, `{"chunks":[{"tokens":[[5]]}]}`, `{"chunks":[{"tokens":[null]}]}`, `{"chunks":[{"tokens":[-1]}]}`,
	`{"chunks":[{"tokens":[9223372036854775807]}]}`, `{"chunks":[{"tokens":[` + strings.Repeat("9", 100_000) + `]}]}`, `{"chunks":[{"tokens":{}}]}`,
	`{"chunks":[{"tokens":[5],"type":"image"}]}`, `{"chunks":[{"type":"image","data":"?","format":"png"}]}`, `{"chunks":[{"type":"image","data":"aGk=","format":"png"}]}`,
	`{"chunks":[{"type":"dmel","dmel":"aGk="}]}`, `{"chunks":[{"type":"` + strings.Repeat("x", 1<<20) + `"}]}`,
	`{"chunks":[{"tokens":[` + strings.Repeat("5,", 200_000) + `5]}]}`,
}

// A malformedBody is one that has to be refused with status.
type malformedBody struct {
	path, name, body string
	status           int
}

// malformedCorpus is every body that no endpoint may take, for a sampler.
func malformedCorpus(session, sampler, model string) []malformedBody {
	fill := strings.NewReplacer("SESSION", session, "SAMPLER", sampler, "MODEL", model)
	var all []malformedBody
	broken := noJSON()
	for _, e := range postedEndpoints {
		path, valid := fill.Replace(e.path), fill.Replace(e.valid)
		add := func(name, body string, status int) {
			all = append(all, malformedBody{path, name, body, status})
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(valid, "{"), "}")
		for _, name := range slices.Sorted(maps.Keys(broken)) {
			add(name, strings.NewReplacer("VALID", valid, "MEMBERS", inner).Replace(broken[name]), 400)
		}
		for n := 1; n < len(valid); n++ {
			add(fmt.Sprintf("cut off after %d bytes", n), valid[:n], 400)
		}
		for _, name := range slices.Sorted(maps.Keys(e.members)) {
			for _, value := range wrongFor(e.members[name]) {
				add(fmt.Sprintf("%s as %.40s", name, value), fmt.Sprintf("{%q:%s}", name, value), 400)
			}
		}
	}
	long := strings.Repeat("x", 1<<20)
	unknown := func(path, body string, status int) {
		all = append(all, malformedBody{path, fmt.Sprintf("%.60s", body), body, status})
	}
	unknown(wire.PathSessionHeartbeat, `{"session_id":"`+long+`"}`, 404)
	unknown(wire.PathCreateSamplingSession, `{"session_id":"`+session+`","base_model":"`+long+`"}`, 404)
	unknown(wire.PathCreateSamplingSession, `{"session_id":"`+session+`","model_path":"`+long+`"}`, 400)
	unknown(wire.PathRetrieveFuture, `{"request_id":"`+long+`"}`, 404)
	unknown(wire.PathRetrieveFuture, `{"request_id":"`+sampler+`:-0"}`, 404)
	unknown(wire.PathRetrieveFuture, `{"request_id":"`+sampler+`:9223372036854775808"}`, 404)
	unknown(wire.PathSample, `{"seq_id":0,"sampling_session_id":"`+long+`"}`, 404)
	sample := func(members string) {
		body := fmt.Sprintf(`{"sampling_session_id":%q,"seq_id":1152921504606846977,%s}`, sampler, members)
		all = append(all, malformedBody{wire.PathSample, fmt.Sprintf("%.80s", members), body, 400})
	}
	for _, members := range wrongSamples {
		sample(`"prompt":{"chunks":[{"tokens":[5,6,7]}]},` + members)
	}
	for _, prompt := range wrongPrompts {
		sample(`"prompt":` + prompt)
	}
	return all
}

// TestMalformedRequestsDisturbNothing: each body of the corpus is refused with its
// status, in a short sentence, and nothing of it is sampled; the sample that is in
// flight all the while ends with the bits that it has alone.
// With -v it says which answers took longest.
func TestMalformedRequestsDisturbNothing(t *testing.T) {
	e, err := engine.Open(testmodel.Tiny(t, tinymodel.Options{ContextLength: 1 << 16}), engine.Options{Threads: 1, KVTokens: 40_000})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, c := serve(t, e, Limits{})
	defer s.Close(context.Background()) // before its engine
	session := c.session()
	sampler := c.sampler(session, 0)
	good := func(seq int64) *wire.SampleRequest {
		r := sampleOf(sampler, seq)
		r.NumSamples = new(4)
		r.SamplingParams.MaxTokens, r.SamplingParams.Seed, r.SamplingParams.Stop = new(400), new(int64(3)), wire.Stop{Kind: wire.StopNever}
		r.PromptLogprobs = true
		return r
	}
	alone := c.sampled(good(0))

	var slow []string
	next := int64(1)
	flying := c.submit(good(next)) // there is one in flight all the time
	for _, m := range malformedCorpus(session, sampler, fakeName) {
		started := time.Now()
		answer := c.do(request("POST", m.path, m.body))
		took := time.Since(started)
		status, body := read(t, answer)
		if status != m.status || answer.Header.Get("Content-Length") == "" {
			t.Errorf("%s: %s: %d %.200s, want %d with a length", m.path, m.name, status, body, m.status)
			continue
		}
		if text := detail(t, body); len(text) > maxDetail+10 {
			t.Errorf("%s: %s: the detail has %d bytes", m.path, m.name, len(text))
		}
		slow = append(slow, fmt.Sprintf("%9.3f ms %s: %s (%d bytes)", float64(took.Microseconds())/1000, m.path, m.name, len(m.body)))
		if !s.registry.busy() {
			c.same(alone, flying.RequestID)
			next++
			flying = c.submit(good(next))
		}
	}
	c.same(alone, flying.RequestID)
	if known := len(s.registry.samplers[sampler].futures); known != int(next)+1 {
		t.Errorf("%d samples are known, and %d were asked for", known, next+1)
	}
	slices.SortFunc(slow, func(a, b string) int { return cmp.Compare(b, a) })
	t.Logf("%d requests, beside %d samples; the slowest:\n%s", len(slow), next, strings.Join(slow[:10], "\n"))
}

// busy reports whether samples are in work.
func (g *registry) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.work.samples > 0
}

// sampled submits r and returns the answer.
func (c *caller) sampled(r *wire.SampleRequest) *wire.SampleResponse {
	c.t.Helper()
	return c.answer(c.submit(r).RequestID)
}

func (c *caller) answer(id string) *wire.SampleResponse {
	c.t.Helper()
	status, body := c.retrieve(id)
	answer, err := wire.DecodeSampleResponse(body)
	if status != 200 || err != nil {
		c.t.Fatalf("%d %.200s, %v", status, body, err)
	}
	answer.PromptCacheHitTokens = 0
	return answer
}

// same holds the answer of a sample against another one, to the bit.
func (c *caller) same(want *wire.SampleResponse, id string) {
	c.t.Helper()
	got := c.answer(id)
	a, err := want.MarshalBinary()
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := got.MarshalBinary()
	if err != nil {
		c.t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		c.t.Errorf("%s has other bits than it has alone", id)
	}
}

// TestLengthsThatLie: over a connection, a body that is shorter or longer than it
// says, or in chunks that are none, gets a 400, and the server goes on.
func TestLengthsThatLie(t *testing.T) {
	s, c := serve(t, &fakeBackend{}, Limits{})
	address := listening(t, s)
	body := fmt.Sprintf(`{"request_id":"%s:0"}`, c.newSampler())
	for _, e := range postedEndpoints {
		for name, sent := range map[string]string{
			"shorter than it says":   "Content-Length: 100\r\n\r\n" + body,
			"longer than it says":    "Content-Length: 5\r\n\r\n" + body,
			"in chunks that are not": "Transfer-Encoding: chunked\r\n\r\n" + body,
			"in a chunk that lies":   "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + body,
			"in half a chunk":        "Transfer-Encoding: chunked\r\n\r\n64\r\n" + body,
			"of no number of bytes":  "Content-Length: x\r\n\r\n" + body,
			"of less than nothing":   "Content-Length: -5\r\n\r\n" + body,
			"of two lengths":         "Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + body,
		} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nX-API-Key: tml-x\r\nContent-Type: application/json\r\n%s",
				strings.ReplaceAll(e.path, "SESSION", "x"), address, sent)
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%s: a body %s: %v", e.path, name, err)
			}
			if answer.StatusCode != 400 {
				t.Errorf("%s: a body %s: status %d, want 400", e.path, name, answer.StatusCode)
			}
			conn.Close()
		}
	}
	if status, answer := c.post(wire.PathClientConfig, `{}`); status != 200 {
		t.Errorf("afterwards: %d %s", status, answer)
	}
}
