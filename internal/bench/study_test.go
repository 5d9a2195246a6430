package bench

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// studied runs one study on a tiny model, for a short while.
func studied(t *testing.T, name string, memory int64) *Report {
	t.Helper()
	r := &run{
		Config: Config{
			Path: testmodel.Tiny(t, tinymodel.Options{ContextLength: 8192}), Name: "tiny", Rounds: 2,
			For: 500 * time.Millisecond, Memory: memory, Note: t.Logf,
			Studies: slices.DeleteFunc(Studies(), func(s Study) bool { return s.Name != name }),
		},
		log: newStepLog(),
	}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	defer r.engine.Close()
	r.prompts = newPrompts(r.info.VocabSize)
	if err := r.studies(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(&r.report) // no NaN, no infinity
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", b)
	return &r.report
}

func TestArrivalIsSeenFromBothSides(t *testing.T) {
	a := studied(t, "arrival", 0).Arrival
	if a.Sequences != 32 || a.PromptTokens != 4000 || len(a.Rounds) != 2 {
		t.Fatalf("%+v", a)
	}
	for _, r := range a.Rounds {
		// One step cannot take the prompt beside others: it has 256 tokens.
		if r.Before <= 0 || r.During <= 0 || r.After <= 0 || r.Ratio != r.During/r.Before || r.Growth != 2*r.During/(r.Before+r.After) || r.Steps < 4000/256 || r.FirstToken <= 0 || r.Idle <= 0 {
			t.Errorf("%+v", r)
		}
		if want := 1.5*r.Idle + float64(r.Steps)*r.Before; r.Limit != want || r.LimitShare != r.FirstToken/want {
			t.Errorf("limit of %+v: want %v", r, want)
		}
	}
}

func TestArrivalTakesWhatTheContextHas(t *testing.T) {
	b := &run{Config: Config{Rounds: 1, Note: t.Logf}, info: engine.Info{ContextLength: 100}}
	if err := b.arrival(t.Context()); err == nil {
		t.Error("a context of 100 tokens is no error")
	}
}

func TestStepsOfAnArrival(t *testing.T) {
	steps := []engine.StepStats{
		{Tokens: 31, Duration: 1}, {Tokens: 32, Duration: 2}, {Tokens: 40, PromptTokens: 8, Duration: 3},
		{Tokens: 32, Duration: 4}, {Tokens: 33, PromptTokens: 1, Duration: 5}, {Tokens: 33, Duration: 6},
	}
	if got, want := sampling(steps), []time.Duration{2, 4}; !slices.Equal(got, want) {
		t.Errorf("sampling: %v, want %v", got, want)
	}
	if got, want := prefilling(steps), []time.Duration{3, 5}; !slices.Equal(got, want) {
		t.Errorf("prefilling: %v, want %v", got, want)
	}
	if got := stepsUntilPrefilled(steps); got != 5 {
		t.Errorf("%d steps until prefilled, want 5", got)
	}
}

func TestPrefixIsFoundBySecondRequests(t *testing.T) {
	p := studied(t, "prefix", 0).Prefix
	if p.SharedTokens != 2000 || p.PromptTokens != 2008 || len(p.Costs) != 3 {
		t.Fatalf("%+v", p)
	}
	for i, want := range []struct {
		name           string
		requests, hits int
	}{{"sample", 1, 2000}, {"score", 1, 2000}, {"groups", 16, 2008}} {
		c := p.Costs[i]
		// A suffix may by chance begin like the other.
		if c.Name != want.name || c.Requests != want.requests || c.HitTokens < want.hits || c.HitTokens > want.hits+8 {
			t.Errorf("%+v, want %+v", c, want)
		}
		if c.First <= 0 || c.Second <= 0 || c.Ratio.Best <= 0 {
			t.Errorf("%+v", c)
		}
	}
}

// TestMixedKeepsItsPromises also where requests wait for memory.
func TestMixedKeepsItsPromises(t *testing.T) {
	for _, memory := range []int64{0, 8 << 20} {
		m := studied(t, "mixed", memory).Mixed
		if err := m.Fault(); err != nil {
			t.Error(err)
		}
		c := m.Requests
		if c.Finished == 0 || c.Started != c.Finished+c.Cancelled || m.Clients != 24 || m.Seconds < 0.5 {
			t.Errorf("%+v", m)
		}
		if want := (c.Finished + keepEvery - 1) / keepEvery; m.Repeated.Compared != want && want <= keepMost {
			t.Errorf("%d of %d answers compared, want %d", m.Repeated.Compared, c.Finished, want)
		}
		if len(m.Resident.Parts) != mixedParts {
			t.Errorf("memory was looked at %d times", len(m.Resident.Parts))
		}
		if m.Share <= 0 || m.Pure.Prompt <= 0 || m.Pure.Scored <= 0 || m.Rows.Prompt == 0 {
			t.Errorf("%+v", m)
		}
	}
}

func TestMixedEndsWhenItIsTold(t *testing.T) {
	r := &run{
		Config: Config{Path: testmodel.Tiny(t, tinymodel.Options{}), Name: "tiny", Rounds: 1, For: time.Hour, Note: t.Logf},
		log:    newStepLog(),
	}
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	defer r.engine.Close()
	r.prompts = newPrompts(r.info.VocabSize)
	told := errors.New("told")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(told) })
	if err := r.mixed(ctx); !errors.Is(err, told) || r.report.Mixed != nil {
		t.Errorf("got %v, %+v", err, r.report.Mixed)
	}
}
