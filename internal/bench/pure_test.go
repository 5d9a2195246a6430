package bench

import (
	"math"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
)

func TestATallyTellsRowsApart(t *testing.T) {
	var got tally
	got.add([]engine.StepStats{
		{Tokens: 10, PromptTokens: 7, Logits: 4, Duration: time.Second}, // three samples, and the last row of a prompt
		{Tokens: 8, PromptTokens: 8, Logits: 8, Duration: time.Second},  // scoring
		{Logits: 5, Duration: time.Second},                              // scoring what the cache has
		{Tokens: 2, Logits: 2, Duration: time.Second},
	})
	if want := (tally{Rows{Prompt: 15, Sampled: 5, Scored: 14}, 4 * time.Second, 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestPureSeconds works some out by hand: a prompt's row takes 10 ms, 4 ms more
// with its logits, and a sample's 2 ms.
func TestPureSeconds(t *testing.T) {
	p := Pure{Prompt: 100, Scored: 1000. / 14, Sampled: 500}
	for _, tt := range []struct {
		rows Rows
		want float64
	}{
		{Rows{}, 0},
		{Rows{Prompt: 100}, 1},
		{Rows{Prompt: 100, Scored: 100}, 1.4},
		{Rows{Scored: 100}, 0.4}, // the cache had them
		{Rows{Sampled: 100}, 0.2},
		{Rows{Prompt: 10, Sampled: 20, Scored: 30}, 0.26},
	} {
		if got := p.seconds(tt.rows); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%+v: %v s, want %v", tt.rows, got, tt.want)
		}
	}
	if got := (&Pure{Prompt: 100, Scored: 110}).seconds(Rows{Scored: 100, Sampled: 3}); got != 0 {
		t.Errorf("an output layer that takes nothing: %v s", got)
	}
}
