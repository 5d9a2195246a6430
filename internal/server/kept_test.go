package server

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// TestKeptResultsAreBoundedInMemory: small results weigh mostly by what is kept
// beside them, and that counts.
func TestKeptResultsAreBoundedInMemory(t *testing.T) {
	const budget = 4 << 20
	s, c := serve(t, &fakeBackend{}, Limits{ResultBytes: budget, ResultTime: time.Hour})
	id := c.newSampler()
	fetch := func(from, to int64) {
		for seq := from; seq < to; seq++ {
			r := sampleOf(id, seq)
			r.SamplingParams.MaxTokens = new(1)
			if status, body := c.retrieve(c.submit(r).RequestID); status != 200 {
				t.Fatalf("sample %d: %d %s", seq, status, body)
			}
		}
	}
	fetch(0, 100) // what is made once is there
	before := heap()
	const many = 6000
	fetch(100, many)
	kept := s.registry.samplers[id].futures
	grown := heap() - before
	if len(kept) > budget/keptBytes || len(kept) < budget/(2*keptBytes) {
		t.Errorf("%d results are kept of at least %d bytes each, with a budget of %d", len(kept), keptBytes, budget)
	}
	if grown > budget {
		t.Errorf("the results take %d bytes, more than the budget of %d", grown, budget)
	}
	if first(c.retrieve(requestID(id, many-1))) != 200 || first(c.retrieve(requestID(id, 0))) != wire.StatusGone {
		t.Error("want the newest result kept and the oldest forgotten")
	}
	runtime.KeepAlive(s)
}

// A patientBackend takes long prompts.
type patientBackend struct{ *fakeBackend }

func (p patientBackend) Info() engine.Info {
	info := p.fakeBackend.Info()
	info.ContextLength = 1 << 20
	return info
}

// TestQueuedSamplesHoldTheirPromptOnce: what waits to be sampled takes the memory
// of its tokens, and not that of the message they came in.
func TestQueuedSamplesHoldTheirPromptOnce(t *testing.T) {
	s, c := serve(t, patientBackend{&fakeBackend{sample: blocked(nil)}}, Limits{})
	id := c.newSampler()
	const samples, tokens = 40, 100_000
	before := heap()
	for seq := range int64(samples) {
		r := sampleOf(id, seq)
		r.Prompt.Chunks[0].Tokens = slices.Repeat([]int32{7}, tokens)
		c.submit(r)
	}
	if grown := heap() - before; grown > samples*tokens*4*3/2 {
		t.Errorf("%d prompts of %d tokens take %d bytes, want little more than %d", samples, tokens, grown, samples*tokens*4)
	}
	runtime.KeepAlive(s)
}

// heap is how many bytes of the heap are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
