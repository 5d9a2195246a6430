package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tinsmith.example/internal/wire"
)

// A chaos is a server that keeps every promise of the API, badly: what becomes
// of a request depends on the seed, on which call it belongs to and on how often
// that call has come with such a request, and on nothing else. It writes down
// what it did, to be held against the schedules of the contract.
type chaos struct {
	seed     uint64
	percent  int           // of requests that meet a fault
	patience time.Duration // for which a poll is held
	work     time.Duration // that a sample takes at most
	slowly   bool          // there is time for what takes long

	mu      sync.Mutex
	jobs    map[int64]*job     // by seq_id
	visits  map[string]int     // by endpoint and call
	events  map[string][]event // by endpoint and request
	pushes  []time.Time        // when it pushed back
	done    []int64            // completed jobs, in order: the cursor counts them
	changed chan struct{}      // closed when done grows
	arrived map[string]bool    // request ids reported as arrived
	wrong   []string           // what no client should have done

	watching chan struct{} // has room for the one poll for the session
}

// A job is a request that was accepted.
type job struct {
	seq  int64
	call int // whose prompt it has
	at   time.Time
	lost bool
}

func (j *job) id() string { return fmt.Sprintf("S:sample:0:%d", j.seq) }

// An event is a request that came, and what became of it.
type event struct {
	came, left time.Time
	outcome    string // see the fates
}

func newChaos(seed uint64) *chaos {
	return &chaos{
		seed: seed, percent: 30, patience: 30 * time.Second, work: 20 * time.Second, slowly: true,
		jobs: map[int64]*job{}, visits: map[string]int{}, events: map[string][]event{},
		arrived: map[string]bool{}, changed: make(chan struct{}),
		watching: make(chan struct{}, 1),
	}
}

// dice are the random numbers for one visit.
func (s *chaos) dice(what string, call, visit int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d %d", what, call, visit)
	return rand.New(rand.NewPCG(s.seed, h.Sum64()))
}

// A verdict is how a call is to end.
type verdict struct {
	submit int    // status of asample; 0: accepted
	poll   int    // status of retrieve_future; 0: a result or a failure
	failed string // category of the failure; "": a result
	large  bool   // the result's size comes first
}

func (s *chaos) verdict(call int) verdict {
	r := s.dice("verdict", call, 0)
	switch n := r.IntN(100); {
	case n < 2:
		return verdict{submit: []int{400, 401, 403, 404, 422}[r.IntN(5)]}
	case n < 4:
		return verdict{poll: []int{401, 403, 404, 418}[r.IntN(4)]}
	case n < 6:
		return verdict{failed: []string{wire.CategoryUser, wire.CategoryServer, wire.CategoryUnknown}[r.IntN(3)]}
	}
	return verdict{large: r.IntN(4) == 0}
}

// resultOf are the tokens that a call gets.
func resultOf(call int) []int32 { return []int32{int32(call), int32(call*7 + 1), 5} }

// A fate is what becomes of one request.
type fate struct {
	status  int           // to answer with, instead of serving it; 0: see the others
	body    string        // with status
	serve   bool          // it is served all the same
	twice   bool          // it is served twice, as if a proxy had repeated it
	wait    time.Duration // first
	broken  string        // "before", "after" (serving), "half" (of the answer): the connection breaks there
	slow    bool          // the answer trickles
	outcome string        // of the event, unless it is served well
}

const maxVisits = 7 // with faults: then a call is served

// fate draws what becomes of the visit of a call to an endpoint.
func (s *chaos) fate(endpoint string, call, visit int, special []fate) fate {
	r := s.dice(endpoint, call, visit)
	if visit >= maxVisits || r.IntN(100) >= s.percent {
		return fate{}
	}
	edge := fate{status: 400, outcome: "silent"}
	fates := append([]fate{
		edge,
		{broken: "before", outcome: "silent"}, {broken: "after", serve: true, outcome: "silent"}, {broken: "half", serve: true, outcome: "silent"},
		{twice: true, serve: true}, {slow: s.slowly, serve: true},
	}, special...)
	if s.slowly && visit == 0 {
		fates = append(fates, fate{wait: time.Hour, outcome: "silent"}, fate{wait: time.Hour, serve: true, outcome: "silent"})
	}
	return fates[r.IntN(len(fates))]
}

func statuses(outcome string, serve bool, list ...int) []fate {
	var fates []fate
	for _, status := range list {
		fates = append(fates, fate{status: status, body: fmt.Sprintf(`{"detail":"chaos %d"}`, status), serve: serve, outcome: outcome})
	}
	return fates
}

// What may become of the requests to each endpoint, beside what may happen to
// all of them.
var (
	submitFates = slices.Concat(statuses("silent", false, 408, 409, 500, 503), statuses("silent", true, 502, 504))
	pushFates   = statuses("push", false, 402, 429) // each holds everybody for a second
	pollFates   = slices.Concat(statuses("faulty", false, 500, 502, 503, 504), statuses("silent", false, 429), statuses("bill", false, 402),
		[]fate{{status: 408, outcome: "hasty"}, {status: 408, body: `{"type":"try_again","queue_state":"paused_capacity"}`, outcome: "hasty"},
			{status: 200, body: `{"type":"try_again","request_id":"x"}`, outcome: "hasty"}, {status: 410, body: `{"detail":"lost"}`, outcome: "lost"}})
	watchFates = slices.Concat(statuses("silent", false, 408, 409, 429, 500, 503), statuses("bill", false, 402))
	// A complaint must not come three times in a row.
	complaint = fate{status: 400, body: `{"detail":"malformed, says a proxy"}`, outcome: "faulty"}
)

func (s *chaos) visit(about string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visits[about]++
	return s.visits[about] - 1
}

func (s *chaos) note(about string, came time.Time, outcome string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.events[about] = append(s.events[about], event{came, now, outcome})
	if outcome == "push" {
		s.pushes = append(s.pushes, now)
	}
}

func (s *chaos) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

func (s *chaos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	came := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	switch r.URL.Path {
	case wire.PathSample:
		s.submit(w, r, body, came)
	case wire.PathRetrieveFuture:
		s.retrieve(w, r, body, came)
	case wire.PathRetrieveFutures:
		s.watch(w, r, body, came)
	default:
		s.complain("a request to %s", r.URL.Path)
	}
}

// An outgoing answer.
type reply struct {
	status  int
	media   string
	body    []byte
	outcome string
}

func jsonReply(status int, outcome string, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return reply{status, wire.MediaJSON, body, outcome}
}

// A leavingWriter leaves when it begins to write: the client may have the whole
// answer, and come again, before the handler returns.
type leavingWriter struct {
	http.ResponseWriter
	leave func()
}

func (w leavingWriter) Write(b []byte) (int, error) {
	w.leave()
	return w.ResponseWriter.Write(b)
}

func (w leavingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// act lets fate have its way with a request that serve would answer.
func (s *chaos) act(w http.ResponseWriter, r *http.Request, f fate, about string, came time.Time, serve func() reply) {
	if f.broken == "before" {
		s.note(about, came, f.outcome)
		panic(http.ErrAbortHandler)
	}
	answer := reply{status: f.status, media: wire.MediaJSON, body: []byte(f.body), outcome: f.outcome}
	if f.serve || f == (fate{}) {
		served := serve()
		if f.twice {
			served = serve()
		}
		if f.status == 0 {
			answer = served
		}
	}
	if f.wait > 0 { // the client will have hung up
		select {
		case <-r.Context().Done():
		case <-time.After(f.wait):
		}
		s.note(about, came, f.outcome)
		panic(http.ErrAbortHandler)
	}
	if f.broken != "" {
		answer.outcome = f.outcome
	}
	if r.Context().Err() != nil { // nobody is there any more
		s.note(about, came, "silent")
		panic(http.ErrAbortHandler)
	}
	if !f.slow {
		s.note(about, came, answer.outcome)
	}
	if f.broken == "after" {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", answer.media)
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.body)))
	w.WriteHeader(answer.status)
	switch half := len(answer.body) / 2; {
	case f.broken == "half":
		w.Write(answer.body[:half])
		panic(http.ErrAbortHandler)
	case f.slow:
		http.NewResponseController(w).Flush()
		_ = sleep(r.Context(), 40*time.Second)
		w.Write(answer.body[:half])
		http.NewResponseController(w).Flush()
		_ = sleep(r.Context(), 40*time.Second)
		s.note(about, came, answer.outcome)
		w.Write(answer.body[half:])
	default:
		w.Write(answer.body)
	}
}

func (s *chaos) submit(w http.ResponseWriter, r *http.Request, body []byte, came time.Time) {
	var m wire.SampleRequest
	if err := wire.Decode(body, &m); err != nil {
		s.complain("asample: %v", err)
		panic(http.ErrAbortHandler)
	}
	call := int(m.Prompt.Chunks[0].Tokens[0])
	special := submitFates
	if s.slowly || call%200 == 0 {
		special = slices.Concat(submitFates, pushFates)
	}
	f := s.fate("submit", call, s.visit(fmt.Sprint("submit ", call)), special)
	s.act(w, r, f, fmt.Sprint("submit ", *m.SeqID), came, func() reply {
		v := s.verdict(call)
		if v.submit != 0 {
			return jsonReply(v.submit, "final", map[string]string{"detail": "verdict"})
		}
		j := s.accept(*m.SeqID, call)
		return jsonReply(200, "ok", &wire.Promise{RequestID: j.id(), SampleSequenceIDs: []string{j.id() + ":0"}})
	})
}

// accept finds or makes the job of a number.
func (s *chaos) accept(seq int64, call int) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j, ok := s.jobs[seq]; ok {
		if j.call != call {
			s.wrong = append(s.wrong, fmt.Sprintf("number %d is used by calls %d and %d", seq, j.call, call))
		}
		return j
	}
	takes := time.Duration(s.dice("work", call, int(seq)).Int64N(int64(s.work)))
	j := &job{seq: seq, call: call, at: time.Now().Add(takes)}
	s.jobs[seq] = j
	time.AfterFunc(takes, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.done = append(s.done, seq)
		close(s.changed)
		s.changed = make(chan struct{})
	})
	return j
}

func (s *chaos) job(id string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq, err := strconv.ParseInt(id[strings.LastIndexByte(id, ':')+1:], 10, 64)
	if err != nil || s.jobs[seq] == nil {
		s.wrong = append(s.wrong, fmt.Sprintf("a poll for %q", id))
		panic(http.ErrAbortHandler)
	}
	return s.jobs[seq]
}

func (s *chaos) retrieve(w http.ResponseWriter, r *http.Request, body []byte, came time.Time) {
	var m wire.RetrieveFutureRequest
	if err := wire.Decode(body, &m); err != nil {
		s.complain("retrieve_future: %v", err)
		panic(http.ErrAbortHandler)
	}
	j := s.job(m.RequestID)
	visit := s.visit(fmt.Sprint("poll ", j.call))
	special := pollFates
	if visit%3 == 0 {
		special = append(slices.Clone(special), complaint)
	}
	f := s.fate("poll", j.call, visit, special)
	s.mu.Lock()
	j.lost = j.lost || f.outcome == "lost"
	if s.arrived[j.id()] {
		s.wrong = append(s.wrong, fmt.Sprintf("a poll for %s, which has arrived", j.id()))
	}
	s.mu.Unlock()
	s.act(w, r, f, "poll "+m.RequestID, came, func() reply { return s.result(r.Context(), j, m.AllowMetadataOnly, came) })
}

// result answers a poll, which it holds.
func (s *chaos) result(ctx context.Context, j *job, sizeFirst bool, came time.Time) reply {
	sleep(ctx, min(time.Until(j.at), s.patience))
	if time.Now().Before(j.at) {
		outcome := "held"
		if time.Since(came) < heldPoll {
			outcome = "hasty"
		}
		return jsonReply(408, outcome, &wire.TryAgain{Type: wire.TypeTryAgain, RequestID: j.id(), QueueState: wire.QueueActive})
	}
	switch v := s.verdict(j.call); {
	case v.poll != 0:
		return jsonReply(v.poll, "final", map[string]string{"detail": "verdict"})
	case v.failed != "":
		return jsonReply(200, "final", &wire.FailedFuture{Error: "verdict", Category: v.failed})
	case v.large && sizeFirst:
		return jsonReply(200, "size", &wire.CompleteMetadata{Status: wire.StatusCompleteMetadata, ResponsePayloadSize: 1 << 10})
	}
	tokens := resultOf(j.call)
	body, err := (&wire.SampleResponse{Sequences: []wire.Sequence{
		{StopReason: wire.StopReasonStop, Tokens: tokens, Logprobs: make([]float32, len(tokens))},
	}}).MarshalBinary()
	if err != nil {
		panic(err)
	}
	return reply{200, wire.MediaProtobuf, body, "ok"}
}

func (s *chaos) watch(w http.ResponseWriter, r *http.Request, body []byte, came time.Time) {
	var m wire.RetrieveFuturesRequest
	if err := wire.Decode(body, &m); err != nil {
		s.complain("retrieve_futures: %v", err)
		panic(http.ErrAbortHandler)
	}
	// One that the client has just hung up may not have noticed yet.
	select {
	case s.watching <- struct{}{}:
	case <-time.After(s.patience / 2):
		s.complain("two polls at once for one session")
		panic(http.ErrAbortHandler)
	}
	leave := sync.OnceFunc(func() { <-s.watching })
	defer leave()
	s.mu.Lock()
	for _, id := range m.RetrievedRequestIDs {
		s.arrived[id] = true
	}
	s.mu.Unlock()
	visit := s.visit("watch")
	special := watchFates
	if visit%4 != 0 {
		special = append(slices.Clone(special), complaint)
	}
	f := s.fate("watch", visit, 0, special)
	s.act(leavingWriter{w, leave}, r, f, "watch", came, func() reply { return s.completions(r.Context(), &m, visit) })
}

// completions answers a poll for the session: news, and at times again what was
// told before.
func (s *chaos) completions(ctx context.Context, m *wire.RetrieveFuturesRequest, visit int) reply {
	deadline := time.After(s.patience)
	for {
		s.mu.Lock()
		news, changed := s.done[min(int(m.PrevCursor), len(s.done)):], s.changed
		again := max(0, int(m.PrevCursor)-s.dice("again", visit, 0).IntN(4))
		said := wire.RetrieveFuturesResponse{Cursor: int64(len(s.done)), Completions: []wire.Completion{}}
		if len(news) > 0 {
			for _, seq := range s.done[again:] {
				said.Completions = append(said.Completions, s.completion(s.jobs[seq]))
			}
		}
		s.mu.Unlock()
		if len(news) > 0 || m.Timeout != nil {
			return jsonReply(200, "ok", &said)
		}
		select {
		case <-changed:
		case <-deadline:
			return jsonReply(200, "ok", &said)
		case <-ctx.Done():
			return jsonReply(200, "ok", &said)
		}
	}
}

func (s *chaos) completion(j *job) wire.Completion {
	switch v := s.verdict(j.call); {
	case v.failed != "" || v.poll != 0:
		return wire.Completion{State: wire.CompletionFailed, RequestID: j.id()}
	case v.large:
		return wire.Completion{State: wire.CompletionFinished, RequestID: j.id(), ResponsePayloadUncompressedSize: new(int64(1 << 10))}
	}
	return wire.Completion{State: wire.CompletionFinished, RequestID: j.id()}
}

// numbers returns under how many numbers each call was accepted, and how many of
// these the server lost.
func (s *chaos) numbers() (accepted, lost map[int]int) {
	accepted, lost = map[int]int{}, map[int]int{}
	for j := range maps.Values(s.jobs) {
		accepted[j.call]++
		if j.lost {
			lost[j.call]++
		}
	}
	return accepted, lost
}

// A pipeListener is a network in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (l *pipeListener) Close() error {
	close(l.closed)
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
