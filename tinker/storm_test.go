package tinker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"tinsmith.example/internal/wire"
)

// A moody server keeps its promises over a real network, but badly: every
// request of every kind meets some trouble before it is served. What it gives
// for a request depends on the request's identity alone, so that a mix-up shows.
type moody struct {
	mu      sync.Mutex
	count   map[string]int     // requests so far, by what they are about
	prompts map[string][]int32 // by request id
}

// again counts the requests about something, from 0.
func (m *moody) again(about string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count[about]++
	return m.count[about] - 1
}

func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	answer := func(v any) {
		w.Header().Set("Content-Type", wire.MediaJSON)
		json.NewEncoder(w).Encode(v)
	}
	switch r.URL.Path {
	case wire.PathCreateSession:
		answer(map[string]string{"session_id": "S"})
	case wire.PathCreateSamplingSession:
		answer(map[string]string{"sampling_session_id": "S:sample:0"})
	case wire.PathSample:
		m.submit(w, body, answer)
	case wire.PathRetrieveFuture:
		m.retrieve(w, body, answer)
	default:
		answer(struct{}{})
	}
}

func (m *moody) submit(w http.ResponseWriter, body []byte, answer func(any)) {
	var r wire.SampleRequest
	if err := wire.Decode(body, &r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id := fmt.Sprintf("r%d", *r.SeqID)
	m.mu.Lock()
	if known, ok := m.prompts[id]; ok && known[0] != r.Prompt.Chunks[0].Tokens[0] {
		m.mu.Unlock()
		http.Error(w, `{"detail":"another request has this number"}`, wire.StatusConflict)
		return
	}
	m.prompts[id] = r.Prompt.Chunks[0].Tokens
	m.mu.Unlock()
	if m.again("submit "+id) == 0 && *r.SeqID%5 == 0 { // accepted, but the answer is lost
		panic(http.ErrAbortHandler)
	}
	answer(&wire.Promise{RequestID: id, SampleSequenceIDs: []string{id + ":0"}})
}

func (m *moody) retrieve(w http.ResponseWriter, body []byte, answer func(any)) {
	var r wire.RetrieveFutureRequest
	if err := wire.Decode(body, &r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	prompt := m.prompts[r.RequestID]
	m.mu.Unlock()
	var number int
	fmt.Sscanf(r.RequestID, "r%d", &number)
	result, err := (&wire.SampleResponse{Sequences: []wire.Sequence{
		{StopReason: wire.StopReasonStop, Tokens: prompt, Logprobs: make([]float32, len(prompt))},
	}}).MarshalBinary()
	if err != nil {
		panic(err)
	}
	switch step := m.again("poll " + r.RequestID); {
	case step == 0 && number%4 == 0:
		w.WriteHeader(http.StatusRequestTimeout)
		return
	case step == 0 && number%7 == 0 && number < 100: // lost, so that it must be submitted anew
		http.Error(w, `{"detail":"lost"}`, http.StatusGone)
		return
	case step == 0 && number%4 == 1:
		w.WriteHeader(http.StatusBadGateway)
		return
	case step == 0 && number%4 == 2 && r.AllowMetadataOnly:
		answer(&wire.CompleteMetadata{Status: wire.StatusCompleteMetadata, ResponsePayloadSize: int64(len(result))})
		return
	case step == 0 && number%11 == 3: // cut off in the middle
		w.Header().Set("Content-Type", wire.MediaProtobuf)
		w.Header().Set("Content-Length", fmt.Sprint(len(result)))
		w.Write(result[:len(result)/2])
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", wire.MediaProtobuf)
	w.Write(result)
}

func TestEveryCallGetsItsOwnResultThroughAllTrouble(t *testing.T) {
	server := httptest.NewServer(&moody{count: map[string]int{}, prompts: map[string][]int32{}})
	defer server.Close()
	svc, err := NewServiceClient(WithBaseURL(server.URL), WithAPIKey(testKey), WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close(context.WithoutCancel(t.Context()))
	client, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{
		BaseModel: "m", Retry: RetryConfig{BaseDelay: 10 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	var futures []*Future[*SampleResponse]
	for i := range int32(120) {
		futures = append(futures, client.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{i, i + 1})}))
	}
	seen := map[string]bool{}
	for i, f := range Completed(t.Context(), futures...) {
		r, err := f.Await(t.Context())
		if err != nil {
			t.Errorf("call %d: %v", i, err)
			continue
		}
		s := r.Sequences[0]
		if len(s.Tokens) != 2 || s.Tokens[0] != int32(i) || seen[s.ID] {
			t.Errorf("call %d got %+v", i, s)
		}
		seen[s.ID] = true
	}
	if len(seen) != len(futures) {
		t.Errorf("%d results for %d calls", len(seen), len(futures))
	}
}
