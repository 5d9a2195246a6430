package bench

import (
	"crypto/sha256"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
)

func TestAMixIsTheSameEveryTimeAndHasAllKinds(t *testing.T) {
	info := &engine.Info{VocabSize: 49152, ContextLength: 8192}
	m, again := newMix(info), newMix(info)
	var score, cancelled, shared, short, long int
	const n = 2000
	for i := range n {
		q := m.request(i)
		if !reflect.DeepEqual(q, again.request(i)) {
			t.Fatalf("request %d is another one the second time", i)
		}
		if len(q.Prompt) < 10 || len(q.Prompt) > 4000 || q.NumSamples < 1 || q.NumSamples > 16 || q.Seed == nil {
			t.Fatalf("request %d: %d prompt tokens, %d samples, seed %v", i, len(q.Prompt), q.NumSamples, q.Seed)
		}
		if q.PromptLogprobs {
			score++
		} else if q.MaxTokens < 8 || q.MaxTokens > 128 {
			t.Fatalf("request %d: %d tokens", i, q.MaxTokens)
		}
		if q.cancelAfter > 0 {
			cancelled++
			if q.cancelAfter < time.Millisecond || q.cancelAfter > 4*time.Second {
				t.Fatalf("request %d is cancelled after %v", i, q.cancelAfter)
			}
		}
		if slices.ContainsFunc(m.texts, func(text []int32) bool { return slices.Equal(text[:10], q.Prompt[:10]) }) {
			shared++
		}
		if len(q.Prompt) < 200 { // the logarithmic middle of 10 and 4000
			short++
		} else {
			long++
		}
	}
	near := func(what string, got int, share float64) {
		if math.Abs(float64(got)/n-share) > 0.05 {
			t.Errorf("%s: %d of %d, want about %.0f%%", what, got, n, 100*share)
		}
	}
	near("score", score, 1./4)
	near("cancelled", cancelled, 1./7)
	near("shared", shared, 1./4)
	near("short", short, 1./2)
	near("long", long, 1./2)
}

func TestAMixFitsTheContext(t *testing.T) {
	m := newMix(&engine.Info{VocabSize: 300, ContextLength: 1024})
	for i := range 500 {
		if q := m.request(i); len(q.Prompt)+q.MaxTokens > 1024 {
			t.Fatalf("request %d: %d and %d tokens", i, len(q.Prompt), q.MaxTokens)
		}
	}
}

func TestAnswersAreKeptFromAllOfTheTime(t *testing.T) {
	var k keep
	for i := range 1000 {
		k.add(answer{i: i})
	}
	// Every 4th until 64 were full at 256, then every 8th, then every 16th.
	if k.every != 16 || len(k.answers) != 63 {
		t.Fatalf("one in %d, %d answers", k.every, len(k.answers))
	}
	for n, a := range k.answers {
		if a.i != 16*n {
			t.Errorf("answer %d is of request %d, want %d", n, a.i, 16*n)
		}
	}
}

// TestADigestIsOfEveryToken and of every bit.
func TestADigestIsOfEveryToken(t *testing.T) {
	result := func() *engine.Result {
		return &engine.Result{
			PromptLogprobs: []float32{float32(math.NaN()), -1},
			Sequences:      []engine.Sequence{{Tokens: []int32{5, 6}, Logprobs: []float32{0, -2}}, {Tokens: []int32{7}, Logprobs: []float32{-3}}},
		}
	}
	seen := map[[sha256.Size]byte]string{digest(result()): "the same"}
	for _, tt := range []struct {
		what   string
		change func(*engine.Result)
	}{
		{"a token", func(r *engine.Result) { r.Sequences[1].Tokens[0] = 8 }},
		{"the last bit", func(r *engine.Result) {
			r.Sequences[0].Logprobs[1] = math.Nextafter32(r.Sequences[0].Logprobs[1], 0)
		}},
		{"the sign of zero", func(r *engine.Result) { r.Sequences[0].Logprobs[0] = float32(math.Copysign(0, -1)) }},
		{"a prompt's log probability", func(r *engine.Result) { r.PromptLogprobs[1] = -1.5 }},
		{"the order of samples", func(r *engine.Result) { slices.Reverse(r.Sequences) }},
		{"a shorter sample", func(r *engine.Result) { r.Sequences = r.Sequences[:1] }},
	} {
		r := result()
		tt.change(r)
		if other, ok := seen[digest(r)]; ok {
			t.Errorf("%s: as %s", tt.what, other)
		}
		seen[digest(r)] = tt.what
	}
	if _, ok := seen[digest(result())]; !ok {
		t.Error("the same result has another digest")
	}
}

func TestAnswersThatLackSomethingAreNotWhole(t *testing.T) {
	q := &engine.Request{Prompt: []int32{1, 2}, NumSamples: 1, MaxTokens: 2, PromptLogprobs: true}
	full := engine.Result{
		PromptLogprobs: make([]float32, 2),
		Sequences:      []engine.Sequence{{Tokens: make([]int32, 2), Logprobs: make([]float32, 2)}},
	}
	for _, tt := range []struct {
		what   string
		change func(*engine.Result)
		want   bool
	}{
		{"all there", func(*engine.Result) {}, true},
		{"no sample", func(r *engine.Result) { r.Sequences = nil }, false},
		{"a token less", func(r *engine.Result) {
			r.Sequences = []engine.Sequence{{Tokens: make([]int32, 1), Logprobs: make([]float32, 1)}}
		}, false},
		{"a log probability less", func(r *engine.Result) { r.PromptLogprobs = make([]float32, 1) }, false},
	} {
		r := full
		tt.change(&r)
		if got := whole(q, &r); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
}
