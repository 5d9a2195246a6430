package server

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/receipt"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/internal/wire"
)

// An identified backend knows its weights.
type identified struct{ *fakeBackend }

var fakeIdentity = engine.Identity{Arithmetic: 3, ModelSHA256: [32]byte{0xab, 31: 0xcd}}

func (identified) Identity(context.Context) (engine.Identity, error) { return fakeIdentity, nil }

// receipt fetches a sample's receipt, and wants it.
func (c *caller) receipt(id string) *receipt.Receipt {
	c.t.Helper()
	status, body := c.get(wire.ReceiptPath(id))
	if status != 200 {
		c.t.Fatalf("receipt of %s: %d %s", id, status, body)
	}
	r, err := receipt.Parse(body)
	if err != nil {
		c.t.Fatalf("%v in %s", err, body)
	}
	return r
}

// done submits r and fetches its result.
func (c *caller) done(r *wire.SampleRequest) (id string, result *wire.SampleResponse) {
	c.t.Helper()
	id = c.submit(r).RequestID
	status, body := c.retrieve(id)
	if status != 200 {
		c.t.Fatalf("%d %s", status, body)
	}
	result, err := wire.DecodeSampleResponse(body)
	if err != nil {
		c.t.Fatal(err)
	}
	return id, result
}

// TestReceiptSaysWhatTheAnswerCameFrom, with every default written out and
// nothing of the one call.
func TestReceiptSaysWhatTheAnswerCameFrom(t *testing.T) {
	backend := &fakeBackend{sample: func(_ context.Context, r *engine.Request) (*engine.Result, error) {
		res := fakeResult(r)
		res.Seed = 1 << 63
		return res, nil
	}}
	_, c := serve(t, identified{backend}, Limits{})
	sampler := c.newSampler()
	r := sampleOf(sampler, 7)
	r.SamplingParams = wire.SamplingParams{TopK: new(0), Stop: wire.Stop{Kind: wire.StopText, Texts: []string{"x"}}}
	r.NumSamples, r.Type, r.BaseModel, r.RecordStabilityInfo, r.PromptLogprobs = nil, wire.TypeSample, fakeName, true, true
	r.Prompt.Chunks = []wire.Chunk{wire.TextChunk([]int32{5}), wire.TextChunk([]int32{6, 7})}
	id, result := c.done(r)
	got := c.receipt(id)
	want := &receipt.Receipt{
		Arithmetic: 3,
		Model:      receipt.File{Name: fakeName, SHA256: hex.EncodeToString(fakeIdentity.ModelSHA256[:])},
		Seed:       math.MinInt64,
		Request: &wire.SampleRequest{
			NumSamples: new(1),
			Prompt:     wire.ModelInput{Chunks: []wire.Chunk{wire.TextChunk([]int32{5, 6, 7})}},
			SamplingParams: wire.SamplingParams{
				MaxTokens: new(2), // as many as there are
				Stop:      wire.Stop{Kind: wire.StopTexts, Texts: []string{"x"}}, Temperature: new(1.0), TopK: new(-1), TopP: new(1.0),
			},
			PromptLogprobs: true,
		},
		Result: result,
	}
	if d := receipt.Compare(want, got); d != nil || got.Model.Name != fakeName {
		t.Errorf("the receipt differs: %+v", d)
	}
	_, body := c.get(wire.ReceiptPath(id))
	session, _, _ := strings.Cut(sampler, ":")
	for _, secret := range []string{session, "tml-test", "seq_id", "session", "cache"} {
		if bytes.Contains(body, []byte(secret)) {
			t.Errorf("the receipt has %q: %s", secret, body)
		}
	}
}

func TestNoReceipt(t *testing.T) {
	release := make(chan struct{})
	var fail bool
	backend := &fakeBackend{sample: func(ctx context.Context, r *engine.Request) (*engine.Result, error) {
		if fail {
			return nil, errors.New("boom")
		}
		return blocked(release)(ctx, r)
	}}
	synctest.Test(t, func(t *testing.T) {
		release = make(chan struct{})
		_, c := serve(t, identified{backend}, Limits{ResultTime: time.Minute, SessionLapse: time.Hour})
		session := c.session()
		sampler := c.sampler(session, 0)
		want := func(id string, status int, what string) {
			t.Helper()
			got, body := c.get(wire.ReceiptPath(id))
			if got != status || !strings.Contains(detail(t, body), what) {
				t.Errorf("%s: %d %s, want %d about %q", id, got, body, status, what)
			}
		}
		id := c.submit(sampleOf(sampler, 0)).RequestID
		want(id, http.StatusTooEarly, "not done")
		want("nonsense", wire.StatusGone, "unknown")
		want(sampler+":00", wire.StatusGone, "unknown")
		want(sampler+":1", wire.StatusGone, "never asked for")
		want("other:sample:0:0", wire.StatusGone, "unknown sampling session")
		close(release)
		c.retrieve(id)
		c.receipt(id)
		time.Sleep(2 * time.Minute)
		want(id, wire.StatusGone, "not kept any more")
		fail = true
		id = c.submit(sampleOf(sampler, 1)).RequestID
		c.retrieve(id)
		want(id, http.StatusUnprocessableEntity, "boom")
		c.post(wire.FinishSessionPath(session), wire.FinishSessionRequest{Reason: wire.FinishReason{Type: wire.FinishSuccess}})
		want(id, wire.StatusGone, "is over")

		r := request("GET", wire.ReceiptPath(id), "")
		r.Header.Del(wire.HeaderAPIKey)
		if status, _ := read(t, c.do(r)); status != http.StatusUnauthorized {
			t.Errorf("without a key: %d", status)
		}
		if status, _ := c.post(wire.ReceiptPath(id), "{}"); status != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", status)
		}
	})
}

// spoiled is a backend whose model's file was written to.
type spoiled struct{ *fakeBackend }

func (spoiled) Identity(context.Context) (engine.Identity, error) {
	return engine.Identity{}, engine.ErrModelChanged
}

// TestNoReceiptOfAModelThatChanged, at once and by name: to ask again is no use.
func TestNoReceiptOfAModelThatChanged(t *testing.T) {
	_, c := serve(t, spoiled{&fakeBackend{}}, Limits{})
	id, _ := c.done(sampleOf(c.newSampler(), 0))
	if status, body := c.get(wire.ReceiptPath(id)); status != 422 || !strings.Contains(detail(t, body), "file was changed") {
		t.Errorf("%d %s", status, body)
	}
}

// TestBackendsWithoutIdentityGiveNoReceipts, like servers without the endpoint.
func TestBackendsWithoutIdentityGiveNoReceipts(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	id, _ := c.done(sampleOf(c.newSampler(), 0))
	if status, body := c.get(wire.ReceiptPath(id)); status != 404 || !strings.Contains(detail(t, body), fakeName) {
		t.Errorf("%d %s", status, body)
	}
}

// TestKeptRequestsCount: what receipts need of a request is in the budget for
// results.
func TestKeptRequestsCount(t *testing.T) {
	s, c := serve(t, &fakeBackend{}, Limits{})
	sampler := c.newSampler()
	short := sampleOf(sampler, 0)
	c.done(short)
	before := s.registry.kept
	long := sampleOf(sampler, 1)
	long.Prompt.Chunks[0].Tokens = make([]int32, 43)
	long.SamplingParams.Stop = wire.Stop{Kind: wire.StopTexts, Texts: []string{"0123456789"}}
	c.done(long)
	if got, want := s.registry.kept-before, before+40*4+26; got != want {
		t.Errorf("the longer request takes %d bytes, want %d", got, want)
	}
}

// TestReplayGivesTheSameReceipt: over random requests of every kind, the answer
// that the server gave beside others is computed again alone, to the bit; and a
// receipt that was tampered with is found out.
func TestReplayGivesTheSameReceipt(t *testing.T) {
	e, err := engine.Open(testmodel.Tiny(t, tinymodel.Options{Seed: 2}), engine.Options{KVTokens: 4096, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, c := serve(t, e, Limits{})
	sampler := c.newSampler()
	r := rand.New(rand.NewPCG(11, 12))
	var ids []string
	for seq := range int64(12) {
		q := sampleOf(sampler, seq)
		q.NumSamples = new(1 + r.IntN(3))
		tokens := make([]int32, 1+r.IntN(50))
		for i := range tokens {
			tokens[i] = r.Int32N(tinymodel.VocabSize)
		}
		q.Prompt.Chunks = []wire.Chunk{wire.TextChunk(tokens)}
		q.SamplingParams.Temperature, q.SamplingParams.TopP = new(r.Float64()), new(1-r.Float64()/2)
		q.SamplingParams.MaxTokens = new(1 + r.IntN(20))
		if seq%4 == 1 {
			q.SamplingParams.MaxTokens = nil // whatever fits
			q.SamplingParams.Temperature = new(1.5)
		}
		if seq%3 == 1 {
			q.SamplingParams.MinP = new(r.Float64())
		}
		if seq%2 == 0 {
			q.SamplingParams.Seed = new(int64(r.Uint64()))
		}
		q.PromptLogprobs = r.IntN(2) == 0
		q.TopKPromptLogprobs, q.TopKSampleLogprobs = r.IntN(3), r.IntN(3)
		ids = append(ids, c.submit(q).RequestID)
	}
	for _, id := range ids {
		if status, body := c.retrieve(id); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		old := c.receipt(id)
		again, err := Replay(t.Context(), e, "another name", old)
		if err != nil {
			t.Fatal(err)
		}
		if d := receipt.Compare(old, again); d != nil {
			t.Errorf("%s: the replay differs: %+v", id, d)
		}
		i := r.IntN(len(old.Result.Sequences))
		l := old.Result.Sequences[i].Logprobs
		j := r.IntN(len(l))
		l[j] = math.Float32frombits(math.Float32bits(l[j]) ^ 1)
		if d := receipt.Compare(old, again); len(d) != 1 || d[0].Part != receipt.PartLogprobs {
			t.Errorf("one bit of log probability %d of sample %d was changed, found %+v", j, i, d)
		}
	}
}

// TestReplayRefusesWhatAServerWould.
func TestReplayRefusesWhatAServerWould(t *testing.T) {
	_, c := serve(t, identified{&fakeBackend{}}, Limits{})
	id, _ := c.done(sampleOf(c.newSampler(), 0))
	for name, spoil := range map[string]func(*receipt.Receipt){
		"token":           func(r *receipt.Receipt) { r.Request.Prompt.Chunks[0].Tokens[0] = fakeVocab },
		"num_samples":     func(r *receipt.Receipt) { *r.Request.NumSamples = 1 << 30 },
		"context window":  func(r *receipt.Receipt) { *r.Request.SamplingParams.MaxTokens = math.MaxInt },
		"temperature":     func(r *receipt.Receipt) { *r.Request.SamplingParams.Temperature = -1 },
		"a chunk of type": func(r *receipt.Receipt) { r.Request.Prompt.Chunks[0] = wire.Chunk{Type: wire.ChunkDmel} },
		"adapter":         func(r *receipt.Receipt) { r.Adapter = &receipt.File{} },
	} {
		r := c.receipt(id)
		spoil(r)
		if _, err := Replay(t.Context(), identified{&fakeBackend{}}, "m", r); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
