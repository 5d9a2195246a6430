package tinker_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"sync"

	"tinsmith.example/internal/wire"
)

// exampleServer is a Tinker server for the examples. Its one model knows two
// letters and thinks of nothing else: a has a probability of 3/4 and b one of
// 1/4, wherever they are. Its second sample of a request, its fourth and so on
// begin with a b; all else is a.
//
// The first polls for results get the answers first, each a status and a body.
func exampleServer(first ...answer) *httptest.Server {
	var pending sync.Map // requests by id
	answers := make(chan answer, len(first))
	for _, a := range first {
		answers <- a
	}
	decode := func(r *http.Request, v any) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = wire.Decode(body, v)
		}
		if err != nil {
			panic(err)
		}
	}
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", wire.MediaJSON)
		json.NewEncoder(w).Encode(v)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { reply(w, struct{}{}) })
	mux.HandleFunc(wire.PathCreateSession, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]string{"session_id": "s"})
	})
	mux.HandleFunc(wire.PathCreateSamplingSession, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]string{"sampling_session_id": "s:sample:0"})
	})
	mux.HandleFunc(wire.PathSample, func(w http.ResponseWriter, r *http.Request) {
		var req wire.SampleRequest
		decode(r, &req)
		id := fmt.Sprintf("s:sample:0:%d", *req.SeqID)
		pending.Store(id, &req)
		promise := &wire.Promise{RequestID: id}
		for i := range *req.NumSamples {
			promise.SampleSequenceIDs = append(promise.SampleSequenceIDs, fmt.Sprintf("%s:%d", id, i))
		}
		reply(w, promise)
	})
	mux.HandleFunc(wire.PathRetrieveFuture, func(w http.ResponseWriter, r *http.Request) {
		var ask wire.RetrieveFutureRequest
		decode(r, &ask)
		select {
		case a := <-answers:
			w.Header().Set("Content-Type", wire.MediaJSON)
			w.WriteHeader(a.status)
			io.WriteString(w, a.body)
		default:
			req, _ := pending.Load(ask.RequestID)
			w.Header().Set("Content-Type", wire.MediaProtobuf)
			w.Write(exampleResult(req.(*wire.SampleRequest)))
		}
	})
	mux.HandleFunc("/example/ab/resolve/main/tokenizer.json", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"},
			"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}`)
	})
	return httptest.NewServer(mux)
}

// An answer is what a poll gets instead of a result.
type answer struct {
	status int
	body   string
}

func exampleResult(req *wire.SampleRequest) []byte {
	score := func(tokens []int32) []float32 {
		list := make([]float32, len(tokens))
		for i, id := range tokens {
			list[i] = float32(math.Log([]float64{0.75, 0.25}[id]))
		}
		return list
	}
	r := &wire.SampleResponse{}
	for i := range *req.NumSamples {
		tokens := make([]int32, *req.SamplingParams.MaxTokens)
		if len(tokens) > 0 {
			tokens[0] = int32(i % 2)
		}
		r.Sequences = append(r.Sequences, wire.Sequence{StopReason: wire.StopReasonLength, Tokens: tokens, Logprobs: score(tokens)})
	}
	if req.PromptLogprobs {
		r.PromptLogprobs = score(req.Prompt.Chunks[0].Tokens)
		r.PromptLogprobs[0] = float32(math.NaN())
	}
	b, err := r.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return b
}
