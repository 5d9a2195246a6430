package server

import (
	"strings"
	"testing"
	"time"

	"tinsmith.example/internal/wire"
)

// FuzzBodies: whatever is sent to any endpoint, the answer is 200 or a 4xx that
// is JSON.
func FuzzBodies(f *testing.F) {
	_, c := serve(f, &fakeBackend{}, Limits{BodyBytes: 1 << 16, PollTime: time.Millisecond})
	session := c.session()
	fill := strings.NewReplacer("SESSION", session, "SAMPLER", c.sampler(session, 0), "MODEL", fakeName)
	broken := noJSON()
	for i, e := range postedEndpoints {
		f.Add(byte(i), e.valid)
		for _, name := range []string{"half a pair of surrogates", "every name twice", "a number that ends in its point", "bytes that are no UTF-8"} {
			inner := strings.TrimSuffix(strings.TrimPrefix(e.valid, "{"), "}")
			f.Add(byte(i), strings.NewReplacer("VALID", e.valid, "MEMBERS", inner).Replace(broken[name]))
		}
	}
	f.Add(byte(2), `{"events":[{"event":"GENERIC_EVENT","event_data":{"a":[1]}}]}`)
	f.Add(byte(7), `{"request_id":"SAMPLER:-1"}`)
	f.Fuzz(func(t *testing.T, i byte, body string) {
		e := postedEndpoints[int(i)%len(postedEndpoints)]
		status, answer := (&caller{t, c.h}).post(fill.Replace(e.path), fill.Replace(body))
		switch {
		case status == 200:
		case status >= 400 && status < 500:
			detail(t, answer)
		default:
			t.Errorf("%s: %d %s", e.path, status, answer)
		}
	})
}

// FuzzSampleBody: the one body with many forms.
func FuzzSampleBody(f *testing.F) {
	backend := &fakeBackend{}
	_, c := serve(f, backend, Limits{BodyBytes: 1 << 16})
	id := c.newSampler()
	for _, seed := range []string{
		`{"sampling_session_id":"ID","seq_id":0,"prompt":{"chunks":[{"tokens":[5],"type":"encoded_text"}]},"num_samples":1,"sampling_params":{"max_tokens":4,"temperature":1.0,"top_k":-1,"top_p":1.0}}`,
		`{"sampling_session_id":"ID","seq_id":1,"prompt":{"chunks":[{"tokens":[5]}]},"sampling_params":{"stop":["a"],"seed":-1}}`,
		`{"sampling_session_id":"ID","seq_id":2,"prompt":{"chunks":[{"type":"image","data":"aGk=","format":"png"}]}}`,
		`{"sampling_session_id":"ID","seq_id":3,"prompt":null,"sampling_params":{"stop":[]}}`,
		`{"sampling_session_id":"ID","seq_id":1e3,"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[1,1]}}`,
		`{"sampling_session_id":"ID","seq_id":4,"prompt":{"chunks":[{"tokens":[5,6,7]}]},"target_prompt_logprobs":{"data":[1,-1,2,3],"dtype":"int64","shape":[2,2]},"prompt_alt_tokens_k":2}`,
		`{"sampling_session_id":"ID","seq_id":5,"prompt":{"chunks":[{"tokens":[5,6,7]}]},"prompt_logprobs":true,"prompt_logprobs_last_n":1,` +
			`"target_prompt_logprobs":{"data":[1],"dtype":"int64","shape":[2,9],"sparse_crow_indices":[0,0,1],"sparse_col_indices":[8]}}`,
		`{"seq_id":0`, `[[[[`, `null`, "\xff",
	} {
		f.Add(strings.ReplaceAll(seed, "ID", id))
	}
	f.Fuzz(func(t *testing.T, body string) {
		status, answer := (&caller{t, c.h}).post(wire.PathSample, strings.ReplaceAll(body, "ID", id))
		switch {
		case status == 200:
		case status >= 400 && status < 500:
			detail(t, answer)
		default:
			t.Errorf("%d %s", status, answer)
		}
	})
}
