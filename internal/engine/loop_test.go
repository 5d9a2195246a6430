package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// TestPanicsFailTheirRequestsAlone hands the loop calls that no Check has seen:
// on which the model panics, the sampler, the loop, and the scheduler when it
// takes them in and when it plans. They fail by name, what runs beside them does
// not, unless it was the scheduler, and the engine goes on.
func TestPanicsFailTheirRequestsAlone(t *testing.T) {
	e, err := Open(testmodel.Tiny(t, tinymodel.Options{}), Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	good := &Request{Prompt: []int32{1, 2, 3}, NumSamples: 1, MaxTokens: 5, TopP: 1, PromptLogprobs: true}
	long := &Request{Prompt: []int32{4, 5, 6}, NumSamples: 3, MaxTokens: 300, Temperature: 1, TopP: 1, Seed: new(uint64(1)), Stop: Stop{IgnoreEOS: true}}
	want := map[*Request]*Result{}
	for _, r := range []*Request{good, long} {
		if want[r], err = e.Sample(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for name, spoil := range map[string]func(c *call){
		"in the model":     func(c *call) { c.group.Prompt[1] = 1 << 20 },
		"in its sample":    func(c *call) { c.ends = nil },
		"in its scores":    func(c *call) { c.req.TargetPromptTokens = [][]int32{{1 << 20}, {0}} },
		"in the scheduler": func(c *call) { c.group.Samples = 0 },
		"when it comes":    func(c *call) { c.group = nil },
	} {
		t.Run(name, func(t *testing.T) {
			beside, err := newCall(long, e.info, long.MaxTokens)
			if err != nil {
				t.Fatal(err)
			}
			c, err := newCall(good, e.info, good.MaxTokens)
			if err != nil {
				t.Fatal(err)
			}
			spoil(c)
			if !e.submit(beside) || !e.submit(c) {
				t.Fatal("the engine is closed")
			}
			<-c.done
			var panicked *PanicError
			if !errors.As(c.err, &panicked) || !strings.Contains(string(panicked.Stack), "internal/engine") {
				t.Errorf("got %v, want a PanicError with its stack", c.err)
			}
			<-beside.done
			if name == "in the scheduler" || name == "when it comes" {
				if !errors.As(beside.err, &panicked) {
					t.Errorf("beside it: %v, want a PanicError", beside.err)
				}
			} else if beside.err != nil || !slices.EqualFunc(beside.result.Sequences, want[long].Sequences, sameTokens) {
				t.Errorf("beside it: %v, or other tokens", beside.err)
			}
			got, err := e.Sample(t.Context(), good)
			if err != nil || !slices.EqualFunc(got.Sequences, want[good].Sequences, sameTokens) {
				t.Errorf("afterwards: %v, %v", got, err)
			}
		})
	}
}

// TestPanicsOfWithdrawalsEndNothing: what the scheduler does not know panics when
// it is to be dropped; what runs fails by name, and the engine goes on.
func TestPanicsOfWithdrawalsEndNothing(t *testing.T) {
	e, err := Open(testmodel.Tiny(t, tinymodel.Options{}), Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r := &Request{Prompt: []int32{1, 2, 3}, NumSamples: 1, MaxTokens: 5, TopP: 1}
	unknown, err := newCall(r, e.info, r.MaxTokens)
	if err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	e.loop.calls[unknown.group] = unknown // the loop, which is idle, reads it after it has taken the lock
	e.inbox.withdrawn = append(e.inbox.withdrawn, unknown)
	e.ring()
	e.mu.Unlock()
	<-unknown.done
	var panicked *PanicError
	if !errors.As(unknown.err, &panicked) {
		t.Errorf("got %v, want a PanicError", unknown.err)
	}
	if _, err := e.Sample(t.Context(), r); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestAClosedEngineTakesNothingIn: neither calls nor withdrawals, which nobody
// would ever take out.
func TestAClosedEngineTakesNothingIn(t *testing.T) {
	e, err := Open(testmodel.Tiny(t, tinymodel.Options{}), Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	c := &call{}
	e.withdraw(c)
	if e.submit(c) || len(e.inbox.submitted)+len(e.inbox.withdrawn) != 0 {
		t.Errorf("a closed engine's inbox has %d calls and %d withdrawals", len(e.inbox.submitted), len(e.inbox.withdrawn))
	}
}

func sameTokens(a, b Sequence) bool { return slices.Equal(a.Tokens, b.Tokens) }
