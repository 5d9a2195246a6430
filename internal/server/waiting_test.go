package server

import (
	"strings"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/internal/wire"
)

// TestWhoWaitsIsToldHowLong: the state is active, whether a sample runs or waits
// for memory, and the reason has its position and an estimate.
func TestWhoWaitsIsToldHowLong(t *testing.T) {
	e, err := engine.Open(testmodel.Tiny(t, tinymodel.Options{ContextLength: 1 << 16}), engine.Options{Threads: 1, KVTokens: 40_000})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, c := serve(t, e, Limits{PollTime: time.Millisecond})
	defer s.Close(t.Context()) // before its engine
	id := c.newSampler()
	for seq := range int64(3) {
		r := sampleOf(id, seq)
		r.SamplingParams.MaxTokens, r.SamplingParams.Stop = new(30_000), wire.Stop{Kind: wire.StopNever}
		c.submit(r)
		for _, want := range [][]string{
			{"position 0: running beside 0 others, ", " tokens sampled; about ", " more at most, at the "},
			{"position 1 of 1 in the queue", "behind 1 that run; about "},
			{"position 2 of 2 in the queue", "behind 1 that run; about "},
		}[seq] {
			c.toldWhileWaiting(requestID(id, seq), want)
		}
	}
}

// toldWhileWaiting polls until the reason has want.
func (c *caller) toldWhileWaiting(id, want string) {
	c.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		status, body := c.retrieve(id)
		answer, err := wire.DecodeFutureAnswer(body)
		pending, ok := answer.(*wire.TryAgain)
		if err != nil || !ok || status != 408 || pending.QueueState != wire.QueueActive {
			c.t.Fatalf("%d %s, %v; want 408 and %s", status, body, err, wire.QueueActive)
		}
		if strings.Contains(pending.QueueStateReason, want) {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("reason %q, want %q", pending.QueueStateReason, want)
		}
	}
}

func TestProgressInWords(t *testing.T) {
	for want, p := range map[string]engine.Progress{
		"position 3 of 7 in the queue for memory of the KV cache, behind 12 that run; about 1m35s more at most, at the 812 tokens/s of the last seconds": {
			Standing: engine.Standing{Before: 2, Waiting: 7, Running: 12}, TokensPerSecond: 812.4, Left: 95300 * time.Millisecond},
		"position 0: running beside 1 others, 64 of 800 prompt tokens done; about 2.5s more at most, at the 90 tokens/s of the last seconds": {
			Standing: engine.Standing{In: true, Running: 2, Prompt: 64}, TokensPerSecond: 90, Left: 2520 * time.Millisecond},
		"position 0: running beside 0 others, 5 tokens sampled": {Standing: engine.Standing{In: true, Running: 1, Prompt: 800, Sampled: 5}},
	} {
		if got := describe(&p, 800); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
