package engine

import (
	"errors"
	"strings"
	"testing"

	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// TestPanicsFailTheirRequestsAlone hands the loop calls that no Check has seen:
// one on which the model panics, and one on which the loop itself does. Both
// fail by name, and the engine goes on.
func TestPanicsFailTheirRequestsAlone(t *testing.T) {
	e, err := Open(testmodel.Tiny(t, tinymodel.Options{}), Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	good := &Request{Prompt: []int32{1, 2, 3}, NumSamples: 1, MaxTokens: 5, TopP: 1, PromptLogprobs: true}
	want, err := e.Sample(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(c *call){
		"in the model":     func(c *call) { c.group.Prompt[1] = 1 << 20 },
		"in its sample":    func(c *call) { c.ends = nil },
		"in its scores":    func(c *call) { c.req.TargetPromptTokens = [][]int32{{1 << 20}, {0}} },
		"in the scheduler": func(c *call) { c.group.Samples = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			c, err := newCall(good, e.info, good.MaxTokens)
			if err != nil {
				t.Fatal(err)
			}
			spoil(c)
			if !e.submit(c) {
				t.Fatal("the engine is closed")
			}
			<-c.done
			var panicked *PanicError
			if !errors.As(c.err, &panicked) || !strings.Contains(string(panicked.Stack), "internal/engine") {
				t.Errorf("got %v, want a PanicError with its stack", c.err)
			}
			got, err := e.Sample(t.Context(), good)
			if err != nil || got.Sequences[0].Tokens[4] != want.Sequences[0].Tokens[4] {
				t.Errorf("afterwards: %v, %v", got, err)
			}
		})
	}
}
