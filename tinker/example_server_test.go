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
// letters, a and b, and always goes on with an a.
func exampleServer() *httptest.Server {
	var pending sync.Map // requests by id
	decode := func(r *http.Request, v any) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = wire.Decode(body, v)
		}
		if err != nil {
			panic(err)
		}
	}
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", wire.MediaJSON)
		json.NewEncoder(w).Encode(v)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { answer(w, struct{}{}) })
	mux.HandleFunc(wire.PathCreateSession, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"session_id": "s"})
	})
	mux.HandleFunc(wire.PathCreateSamplingSession, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"sampling_session_id": "s:sample:0"})
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
		answer(w, promise)
	})
	mux.HandleFunc(wire.PathRetrieveFuture, func(w http.ResponseWriter, r *http.Request) {
		var ask wire.RetrieveFutureRequest
		decode(r, &ask)
		req, _ := pending.Load(ask.RequestID)
		w.Header().Set("Content-Type", wire.MediaProtobuf)
		w.Write(exampleResult(req.(*wire.SampleRequest)))
	})
	mux.HandleFunc("/example/ab/resolve/main/tokenizer.json", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"},
			"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}`)
	})
	return httptest.NewServer(mux)
}

// exampleResult gives every token a probability of one half.
func exampleResult(req *wire.SampleRequest) []byte {
	half := func(n int) []float32 {
		list := make([]float32, n)
		for i := range list {
			list[i] = float32(math.Log(0.5))
		}
		return list
	}
	r := &wire.SampleResponse{}
	for range *req.NumSamples {
		n := *req.SamplingParams.MaxTokens
		r.Sequences = append(r.Sequences, wire.Sequence{StopReason: wire.StopReasonLength, Tokens: make([]int32, n), Logprobs: half(n)})
	}
	if req.PromptLogprobs {
		r.PromptLogprobs = half(len(req.Prompt.Chunks[0].Tokens))
		r.PromptLogprobs[0] = float32(math.NaN())
	}
	b, err := r.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return b
}
