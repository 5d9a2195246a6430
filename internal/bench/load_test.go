package bench

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
)

// BenchmarkLoads runs the loads on the default model, as tinsmith bench does,
// where a profile is wanted.
func BenchmarkLoads(b *testing.B) {
	e, err := engine.Open(testmodel.Default(b), engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	p := newPrompts(e.Info().VocabSize)
	for _, l := range Loads() {
		b.Run(l.Name, func(b *testing.B) {
			for b.Loop() {
				if _, err := runAll(b.Context(), ours{e}, l.make(p)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*l.Tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// TestLoadsAreThoseOfTheOtherRulers pins the sizes that make figures comparable
// from one revision, and from one ruler, to the next.
func TestLoadsAreThoseOfTheOtherRulers(t *testing.T) {
	for i, want := range []struct {
		name                       string
		tokens                     int
		jobs, prompt, samples, max int
		temperature                float64
		score                      bool
	}{
		{"stream1", 128, 1, 32, 1, 128, 0, false},
		{"group16", 1024, 1, 64, 16, 64, 1, false},
		{"batch32", 2048, 32, 64, 1, 64, 1, false},
		{"score16", 8192, 16, 512, 0, 0, 0, true},
	} {
		l := Loads()[i]
		jobs := l.make(newPrompts(49152))
		if l.Name != want.name || l.Tokens != want.tokens || len(jobs) != want.jobs || l.scores() != want.score {
			t.Errorf("load %d is %s of %d tokens in %d jobs, scoring %v; want %+v", i, l.Name, l.Tokens, len(jobs), l.scores(), want)
		}
		for _, j := range jobs {
			if len(j.Prompt) != want.prompt || j.Samples != want.samples || j.MaxTokens != want.max || j.Temperature != want.temperature || j.Score != want.score {
				t.Errorf("%s: %+v, want %+v", l.Name, j, want)
			}
		}
	}
}

func TestPromptsAreOfTheVocabularyAndNew(t *testing.T) {
	for _, tt := range []struct {
		vocab     int
		low, high int32 // ids are low <= id < high
	}{
		{49152, 1000, 40000}, {40000, 1000, 40000}, {39999, 19999, 39999}, {300, 150, 300}, {2, 1, 2},
	} {
		p := newPrompts(tt.vocab)
		ids := p.next(10_000)
		if low, high := slices.Min(ids), slices.Max(ids); low < tt.low || high >= tt.high {
			t.Errorf("vocabulary of %d: ids from %d to %d", tt.vocab, low, high)
		}
	}
	p := newPrompts(49152)
	if first, second := p.next(16), p.next(16); slices.Equal(first, second) {
		t.Errorf("twice the same prompt: %v", first)
	}
}

// countingRunner does every job at once; or it fails the fifth, and the others
// wait until they are told to end.
type countingRunner struct {
	calls atomic.Int32
	fail  error
}

func (r *countingRunner) run(ctx context.Context, j Job) (int, error) {
	if r.calls.Add(1) == 5 && r.fail != nil {
		return 0, r.fail
	}
	if r.fail != nil {
		<-ctx.Done() // the failure ends the others
		return 0, context.Cause(ctx)
	}
	return j.tokens(), nil
}

func TestJobsRunAtOnceAndFailTogether(t *testing.T) {
	jobs := Loads()[2].make(newPrompts(49152))
	r := &countingRunner{}
	if n, err := runAll(t.Context(), r, jobs); n != 2048 || err != nil {
		t.Errorf("got %d tokens, %v", n, err)
	}
	r = &countingRunner{fail: errors.New("enough")}
	if _, err := runAll(t.Context(), r, jobs); !errors.Is(err, r.fail) || r.calls.Load() != 32 {
		t.Errorf("got %v after %d calls", err, r.calls.Load())
	}
}
