//go:build unix

package tinker

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// A scripted server answers samples as the first token of the prompt says.
type scripted struct {
	mu    sync.Mutex
	seen  []*http.Request
	seqs  []int64
	held  chan string     // gets the request id of each poll that is held
	polls map[string]int  // so far, by request id
	beats atomic.Int64    // heartbeats
	gone  atomic.Bool     // heartbeats are answered with 410
	jams  map[string]bool // that a request was pushed back on once
}

// What the first token of a prompt asks of the scripted server.
const (
	askResult  = 0
	askRefusal = iota + 100
	askFailure
	askHold
	askPause
	askTrouble
	askNonsense
)

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.seen = append(s.seen, r)
	s.mu.Unlock()
	answer := func(status int, format string, args ...any) {
		w.Header().Set("Content-Type", wire.MediaJSON)
		w.WriteHeader(status)
		fmt.Fprintf(w, format, args...)
	}
	switch r.URL.Path {
	case wire.PathSample:
		s.submit(w, r, answer)
	case wire.PathRetrieveFuture:
		s.retrieve(w, r, answer)
	case wire.PathSessionHeartbeat:
		s.beats.Add(1)
		if s.gone.Load() {
			answer(410, `{"detail":"it was too quiet"}`)
			return
		}
		answer(200, `{}`)
	default:
		answer(200, `{"session_id":"S","sampling_session_id":"S:0"}`)
	}
}

func (s *scripted) submit(w http.ResponseWriter, r *http.Request, answer func(int, string, ...any)) {
	var m wire.SampleRequest
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(r.Body); err != nil || wire.Decode(raw.Bytes(), &m) != nil {
		answer(400, `{"detail":"unreadable"}`)
		return
	}
	ask := m.Prompt.Chunks[0].Tokens[0]
	id := fmt.Sprintf("r%d-%d", ask, *m.SeqID)
	s.mu.Lock()
	s.seqs = append(s.seqs, *m.SeqID)
	first := !s.jams[id]
	s.jams[id] = true
	s.mu.Unlock()
	switch {
	case ask == askRefusal:
		answer(422, `{"detail":"the prompt is not to my taste"}`)
	case ask == askTrouble && first:
		answer(503, `{"detail":"in a moment"}`)
	default:
		answer(200, `{"request_id":%q,"sample_sequence_ids":["q1","q2"]}`, id)
	}
}

// odd are log probabilities whose bits are easily lost.
var odd = []float32{-0.1, 0, float32frombits(0x80000000), float32frombits(0x7fc12345), float32frombits(1)}

func (s *scripted) retrieve(w http.ResponseWriter, r *http.Request, answer func(int, string, ...any)) {
	var m wire.RetrieveFutureRequest
	if json.NewDecoder(r.Body).Decode(&m) != nil {
		answer(400, `{}`)
		return
	}
	var ask int
	fmt.Sscanf(m.RequestID, "r%d-", &ask)
	s.mu.Lock()
	s.polls[m.RequestID]++
	first := s.polls[m.RequestID] == 1
	s.mu.Unlock()
	switch {
	case ask == askFailure:
		answer(200, `{"error":"too hot","category":"user"}`)
		return
	case ask == askHold:
		s.held <- m.RequestID
		<-r.Context().Done()
		return
	case ask == askPause && first:
		answer(408, `{"type":"try_again","request_id":%q,"queue_state":"paused_capacity","queue_state_reason":"lunch"}`, m.RequestID)
		return
	}
	topK := &wire.TopK{K: 2, Rows: [][]wire.TokenLogprob{{{Token: 9, Logprob: -0.3}}, {}, {}, {{Token: 1, Logprob: -0.1}, {Token: 2, Logprob: -9}}, {}}}
	result := &wire.SampleResponse{PromptLogprobs: odd, PromptCacheHitTokens: 2, Sequences: []wire.Sequence{
		{StopReason: wire.StopReasonStop, Tokens: []int32{1, 2, 3, 4, 5}, Logprobs: odd, TopK: topK},
		{StopReason: wire.StopReasonLength, Tokens: []int32{}},
	}}
	if ask == askNonsense {
		result.Sequences = result.Sequences[:1]
	}
	b, err := result.MarshalBinary()
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", wire.MediaProtobuf)
	w.Write(b)
}

func startScripted(t *testing.T) (*scripted, string) {
	s := &scripted{held: make(chan string, 10), polls: map[string]int{}, jams: map[string]bool{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// isolatedService returns a client whose samples run in another process.
func isolatedService(t *testing.T, url string, opts ...Option) *ServiceClient {
	t.Helper()
	svc, err := NewServiceClient(append([]Option{
		WithBaseURL(url), WithAPIKey(testKey), WithProcessIsolation(), WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { svc.Close(context.WithoutCancel(t.Context())) })
	return svc
}

func newClient(t *testing.T, svc *ServiceClient, cfg SamplingClientConfig) *SamplingClient {
	t.Helper()
	cfg.BaseModel = "m"
	c, err := svc.CreateSamplingClient(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asking is a request for what the scripted server is to do.
func asking(ask int32) *SampleRequest {
	return &SampleRequest{
		Prompt: FromTokens([]int32{ask, 1, 2, 3, 4}), NumSamples: 2, PromptLogprobs: true, TopKSampleLogprobs: 2,
		Params: SamplingParams{MaxTokens: 5, Seed: new(int64(1 << 62)), Temperature: new(0.1), Stop: StopStrings("a", "é")},
	}
}

func TestIsolatedCallsEndAsOthersDo(t *testing.T) {
	_, url := startScripted(t)
	plain, err := NewServiceClient(WithBaseURL(url), WithAPIKey(testKey), WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close(context.WithoutCancel(t.Context()))
	retry := RetryConfig{NoRetry: true}
	clients := []*SamplingClient{
		newClient(t, plain, SamplingClientConfig{Retry: retry}),
		newClient(t, isolatedService(t, url), SamplingClientConfig{Retry: retry}),
	}
	bits := cmp.Comparer(equalBitsExactly)
	request := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".RequestID" }, cmp.Ignore()) // has the number
	for _, ask := range []int32{askResult, askRefusal, askFailure, askPause, askTrouble, askNonsense} {
		var responses []*SampleResponse
		var errs []error
		for _, c := range clients {
			r, err := c.Sample(t.Context(), asking(ask))
			responses, errs = append(responses, r), append(errs, err)
		}
		if diff := cmp.Diff(responses[0], responses[1], bits, request); diff != "" {
			t.Errorf("%d: in the process (-), isolated (+):\n%s", ask, diff)
		}
		if inside, isolated := facts(errs[0]), facts(errs[1]); inside != isolated {
			t.Errorf("%d: in the process %s, isolated %s", ask, inside, isolated)
		}
		if wants := ask == askResult || ask == askPause || ask == askTrouble; wants != (responses[1] != nil) {
			t.Errorf("%d: %v", ask, errs[1])
		}
	}
	for _, c := range clients {
		l, err := c.ComputeLogprobs(t.Context(), FromTokens([]int32{0, 1, 2, 3, 4}))
		if err == nil || l != nil { // of two samples, where one was asked for
			t.Errorf("%v, %v", l, err)
		}
	}
}

func equalBitsExactly(a, b float32) bool { return float32bits(a) == float32bits(b) }

// facts are an error's but for its times and numbers.
func facts(err error) string {
	switch e := err.(type) {
	case *APIError:
		return fmt.Sprint("APIError ", e.Op, e.Status, e.Message, e.Attempts, e.RequestID == "", e.Err)
	case *RequestError:
		return fmt.Sprint("RequestError ", e.Op, e.Category, e.RequestID == "", e.Err)
	}
	return fmt.Sprintf("%T", err)
}

func TestEveryIsolatedCallGetsItsOwnResultThroughAllTrouble(t *testing.T) {
	server := httptest.NewServer(&moody{count: map[string]int{}, prompts: map[string][]int32{}})
	defer server.Close()
	c := newClient(t, isolatedService(t, server.URL), SamplingClientConfig{Retry: RetryConfig{BaseDelay: 10 * time.Millisecond}})
	var futures []*Future[*SampleResponse]
	for i := range int32(120) {
		futures = append(futures, c.SampleAsync(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{i, i + 1})}))
	}
	results, err := All(t.Context(), futures...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if got := r.Sequences[0].Tokens; len(got) != 2 || got[0] != int32(i) {
			t.Errorf("call %d got %v", i, got)
		}
	}
}

func TestTheEndOfAnIsolatedCallIsItsCause(t *testing.T) {
	s, url := startScripted(t)
	svc := isolatedService(t, url)
	c := newClient(t, svc, SamplingClientConfig{})
	reason := errors.New("user left")
	ctx, cancel := context.WithCancelCause(t.Context())
	f := c.SampleAsync(ctx, asking(askHold))
	<-s.held
	cancel(reason)
	_, err := f.Await(t.Context())
	if e, ok := errors.AsType[*APIError](err); !ok || e.Err != reason || e.Attempts != 2 || !strings.HasPrefix(e.RequestID, "r") {
		t.Errorf("%#v", err)
	}
	f = c.SampleAsync(t.Context(), asking(askHold))
	<-s.held
	if err := svc.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Await(t.Context()); err != ErrClosed {
		t.Error(err)
	}
	if _, err := c.Sample(t.Context(), asking(askResult)); err != ErrClosed {
		t.Error(err)
	}
}

// pid is the process that samples.
func pid(t *testing.T) int {
	t.Helper()
	process, err := program.running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return process.PID()
}

func TestAllClientsShareOneProcessThatEndsWithTheLast(t *testing.T) {
	_, url := startScripted(t)
	a, b := isolatedService(t, url), isolatedService(t, url)
	ca, cb := newClient(t, a, SamplingClientConfig{}), newClient(t, b, SamplingClientConfig{})
	newClient(t, b, SamplingClientConfig{})
	first := pid(t)
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Sample(t.Context(), asking(askResult)); err != ErrClosed {
		t.Error(err)
	}
	if _, err := cb.Sample(t.Context(), asking(askResult)); err != nil || pid(t) != first {
		t.Error(err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first, 0); err != syscall.ESRCH {
		t.Errorf("process %d is still there: %v", first, err)
	}
}

func TestTheDeathOfTheProcessFailsWhatItRanAndNothingElse(t *testing.T) {
	s, url := startScripted(t)
	svc := isolatedService(t, url, WithHeartbeat(20*time.Millisecond))
	c := newClient(t, svc, SamplingClientConfig{})
	first := pid(t)
	f := c.SampleAsync(t.Context(), asking(askHold))
	<-s.held
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err := f.Await(t.Context())
	e, ok := errors.AsType[*SidecarError](err)
	if !ok || e.Phase != SidecarRun || e.PID != first || e.Op != "SamplingClient.SampleAsync" || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v", err)
	}
	for before := s.beats.Load(); s.beats.Load() < before+2; { // the session lives on without it
		time.Sleep(time.Millisecond)
	}
	if _, err := c.Sample(t.Context(), asking(askResult)); err != nil {
		t.Error(err)
	}
	if pid(t) == first {
		t.Error("the same process")
	}
	seen := map[int64]bool{}
	for _, n := range s.seqs {
		if n < wire.SeqIDsPerClone || seen[n] {
			t.Errorf("numbers %v", s.seqs)
		}
		seen[n] = true
	}
}

func TestTheProcessKeepsTheSessionAliveAndItsLossIsToldOnce(t *testing.T) {
	s, url := startScripted(t)
	var told lines
	svc := isolatedService(t, url, WithHeartbeat(10*time.Millisecond), WithLogger(slog.New(slog.NewTextHandler(&told, nil))))
	c := newClient(t, svc, SamplingClientConfig{})
	for ok := false; !ok; time.Sleep(time.Millisecond) { // until the process has sent its first
		var err error
		if err, ok = c.session.isolation.heartbeat(t.Context(), time.Time{}); ok && err != nil {
			t.Errorf("the process says %v", err)
		}
	}
	if err, ok := c.session.isolation.heartbeat(t.Context(), time.Now()); ok {
		t.Errorf("of a heartbeat that was sent before the session was asked about here, the process says %v", err)
	}
	s.gone.Store(true)
	for told.count("the server has ended the session") == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // each process may have heard it for itself
	beats := s.beats.Load()
	time.Sleep(50 * time.Millisecond) // several more, if there were any
	if n := told.count("the server has ended the session"); n != 1 || s.beats.Load() != beats {
		t.Errorf("told %d times, %d more heartbeats\n%s", n, s.beats.Load()-beats, told.text())
	}
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) count(text string) int { return strings.Count(l.text(), text) }

func TestWhatTheProcessNoticesIsToldHere(t *testing.T) {
	_, url := startScripted(t)
	var log lines
	var states []string
	svc := isolatedService(t, url, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	var exchanges []transport.Exchange
	ctx := transport.WithTrace(t.Context(), func(x transport.Exchange) { exchanges = append(exchanges, x) })
	loud := newClient(t, svc, SamplingClientConfig{})
	observed := newClient(t, svc, SamplingClientConfig{OnQueueState: func(state QueueState, reason string) { states = append(states, string(state)+" "+reason) }})
	for _, c := range []*SamplingClient{loud, observed} {
		if _, err := c.Sample(t.Context(), asking(askPause)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := loud.Sample(ctx, asking(askTrouble)); err != nil {
		t.Fatal(err)
	}
	if err := svc.Close(t.Context()); err != nil { // after which all has been told
		t.Fatal(err)
	}
	if len(states) != 2 || states[0] != "paused_capacity lunch" || states[1] != "active " {
		t.Errorf("states %q", states)
	}
	if n := log.count("sampling is paused: lunch"); n != 1 {
		t.Errorf("%d warnings of a pause:\n%s", n, log.text())
	}
	if log.count("level=WARN") < 2 || log.count("in a moment") == 0 {
		t.Errorf("no warning of the trouble:\n%s", log.text())
	}
	if len(exchanges) != 3 || exchanges[0].Status != 503 || exchanges[2].Path != wire.PathRetrieveFuture || exchanges[0].Elapsed <= 0 {
		t.Errorf("%+v", exchanges)
	}
}

func TestTheKeyIsInNoArgumentOrVariableOfTheProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("no /proc here") // where it cannot be looked at
	}
	t.Setenv("TINKER_API_KEY", "tml-of-the-environment")
	_, url := startScripted(t)
	newClient(t, isolatedService(t, url), SamplingClientConfig{})
	dir := "/proc/" + strconv.Itoa(pid(t))
	for _, name := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 || bytes.Contains(b, []byte(testKey)) {
			t.Errorf("%s: %q", name, b)
		}
	}
}

func TestWhatCannotCrossIsNamed(t *testing.T) {
	f := newFake(t)
	_, err := NewServiceClient(WithAPIKey(testKey), WithProcessIsolation(), WithHTTPClient(&http.Client{Transport: f}))
	if e, ok := errors.AsType[*ArgumentError](err); !ok || e.Field != "WithHTTPClient" {
		t.Error(err)
	}
	_, url := startScripted(t)
	_, err = isolatedService(t, url).CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m", Retry: RetryConfig{Retryable: func(error) bool { return true }}})
	if e, ok := errors.AsType[*ArgumentError](err); !ok || e.Field != "Retry.Retryable" {
		t.Error(err)
	}
	training := &TrainingClient{session: &session{config: &config{isolated: true}}} // refused before it saves
	_, err = training.SaveWeightsAndGetSamplingClient(t.Context(), SavedSamplingConfig{Retry: RetryConfig{Retryable: func(error) bool { return true }}})
	if e, ok := errors.AsType[*ArgumentError](err); !ok || e.Field != "Retry.Retryable" {
		t.Error(err)
	}
	// A copy of an isolated client is one, so a client with connections of its own cannot have it.
	data := marshal(t, newClient(t, isolatedService(t, url), SamplingClientConfig{}))
	asDefault(t, f.service(t, WithBaseURL(url)))
	if e, ok := errors.AsType[*ArgumentError](new(SamplingClient).UnmarshalBinary(data)); !ok || e.Field != "WithHTTPClient" {
		t.Error(e)
	}
}

func TestTheEnvironmentIsolates(t *testing.T) {
	for value, want := range map[string]bool{"1": true, "true": true, "YES": true, "": false, "0": false, "no": false} {
		t.Setenv("TINKER_SUBPROCESS_SAMPLING", value)
		svc, err := NewServiceClient(WithAPIKey(testKey))
		if err != nil {
			t.Fatal(err)
		}
		if svc.config.isolated != want {
			t.Errorf("%q: %t", value, svc.config.isolated)
		}
	}
}

func TestCopiesOfIsolatedClientsAreIsolated(t *testing.T) {
	s, url := startScripted(t)
	original := newClient(t, isolatedService(t, url), SamplingClientConfig{})
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(original); err != nil {
		t.Fatal(err)
	}
	plain, err := NewServiceClient(WithBaseURL(url), WithAPIKey(testKey), WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close(context.WithoutCancel(t.Context()))
	asDefault(t, plain)
	var copied *SamplingClient
	if err := gob.NewDecoder(&b).Decode(&copied); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*SamplingClient{original, copied} {
		if _, ok := c.sampler.(*isolatedSampler); !ok {
			t.Errorf("%T", c.sampler)
		}
		if _, err := c.Sample(t.Context(), asking(askResult)); err != nil {
			t.Error(err)
		}
	}
	if len(s.seqs) != 2 || s.seqs[0] == s.seqs[1] {
		t.Errorf("numbers %v", s.seqs)
	}
}

// attempts counts what an observer is told.
type attempts struct{ statuses, ends []string }

func (a *attempts) CallStarted(ctx context.Context, _ Call) context.Context { return ctx }

func (a *attempts) AttemptEnded(_ context.Context, c Call, x Attempt) {
	if c.Op == "SamplingClient.Sample" {
		a.statuses = append(a.statuses, fmt.Sprint(x.Number, " ", x.Status, " ", x.Endpoint))
	}
}

func (a *attempts) CallEnded(_ context.Context, c Call, o Outcome) {
	if c.Op == "SamplingClient.Sample" {
		a.ends = append(a.ends, fmt.Sprint(o.Attempts, " ", o.OutputTokens, " ", o.Err))
	}
}

func TestObserversSeeTheRequestsOfTheProcess(t *testing.T) {
	_, url := startScripted(t)
	var a attempts
	c := newClient(t, isolatedService(t, url, WithObserver(&a)), SamplingClientConfig{})
	if _, err := c.Sample(t.Context(), asking(askTrouble)); err != nil {
		t.Fatal(err)
	}
	want := []string{"1 503 /api/v1/asample", "2 200 /api/v1/asample", "3 200 /api/v1/retrieve_future"}
	if diff := cmp.Diff(want, a.statuses); diff != "" {
		t.Error(diff)
	}
	if len(a.ends) != 1 || a.ends[0] != "3 5 <nil>" {
		t.Errorf("%q", a.ends)
	}
}
