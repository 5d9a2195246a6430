package sched

import "testing"

// full lets samples run to MaxTokens.
func full(g *Group, sample int) (int32, bool) { return 7, len(g.Tokens(sample)) == g.MaxTokens-1 }

// TestStandingOfOneGroup: before, during and after its prompt.
func TestStandingOfOneGroup(t *testing.T) {
	m := newMachine(t, Config{MaxTokens: 64, MaxSamples: 32, MinPrefill: 16}, 100)
	g := &Group{Prompt: make([]int32, 100), Samples: 3, MaxTokens: 10}
	m.sched.Add(g)
	for i, want := range []Standing{
		{Waiting: 1, Tokens: 100, Steps: 10},
		{Running: 1, In: true, Prompt: 64, Tokens: 36, Steps: 10},
		{Running: 1, In: true, Prompt: 100, Sampled: 3, Steps: 9},
		{Running: 1, In: true, Prompt: 100, Sampled: 6, Steps: 8},
	} {
		if got := m.sched.Standing(g, m.sched.Load()); got != want {
			t.Errorf("after %d steps: got %+v, want %+v", i, got, want)
		}
		m.step(full)
	}
}

// TestStepsAreWhatItTakes: where nothing else comes and no sample stops early, a
// group's samples take as many steps as was said, also where memory is too little
// for all of them, or a step for all that run.
func TestStepsAreWhatItTakes(t *testing.T) {
	for _, tt := range []struct {
		name           string
		config         Config
		blocks         int
		others, extras int // groups beside, and how many steps it may take less than was said
	}{
		{"alone", Config{MaxTokens: 64, MaxSamples: 32, MinPrefill: 16}, 100, 0, 0},
		{"beside others", Config{MaxTokens: 64, MaxSamples: 32, MinPrefill: 16}, 100, 3, 0},
		{"in turns", Config{MaxTokens: 8, MaxSamples: 4, MinPrefill: 1}, 100, 3, 8},
		{"one after the other", Config{MaxTokens: 64, MaxSamples: 32, MinPrefill: 16}, 4, 0, 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t, tt.config, tt.blocks)
			add := func() *Group {
				g := &Group{Prompt: []int32{1}, Samples: 2, MaxTokens: 40}
				m.sched.Add(g)
				return g
			}
			for range tt.others {
				add()
			}
			g := add()
			for range 6 { // all prompts are through
				m.step(full)
			}
			said := m.sched.Standing(g, m.sched.Load()).Steps
			before := m.steps
			for g.state != ended {
				m.step(full)
			}
			if took := m.steps - before; took > said || took < said-tt.extras {
				t.Errorf("%d steps were said, and it took %d", said, took)
			}
		})
	}
}

// TestWhoComesBefore: sessions take turns, in the order of their first groups, and
// each keeps its own order.
func TestWhoComesBefore(t *testing.T) {
	m := newMachine(t, Config{MaxTokens: 64, MaxSamples: 32, MinPrefill: 16}, 2)
	add := func(session string) *Group {
		g := &Group{Prompt: make([]int32, 20), Samples: 1, MaxTokens: 10, Session: session}
		m.sched.Add(g)
		return g
	}
	running := add("z")
	m.step(full) // it has all memory
	before := map[*Group]int{}
	for _, w := range []struct {
		session string
		before  int
	}{{"a", 0}, {"a", 3}, {"b", 1}, {"b", 4}, {"a", 5}, {"z", 2}, {"a", 6}} {
		before[add(w.session)] = w.before
	}
	load := m.sched.Load()
	for g, want := range before {
		s := m.sched.Standing(g, load)
		if s.Before != want || s.In || s.Running != 1 || s.Waiting != 7 {
			t.Errorf("group %d of session %s: %+v, want %d before it", g.arrival, g.Session, s, want)
		}
		// What runs has 9 tokens to get, of each that waits 20 are prompt and 10 sampled.
		if want := 9 + s.Before*30 + 20; s.Tokens != want || s.Steps != 10 {
			t.Errorf("group %d: %d tokens and %d steps, want %d and 10", g.arrival, s.Tokens, s.Steps, want)
		}
	}
	if s := m.sched.Standing(running, load); !s.In || s.Before != 0 || s.Tokens != 0 {
		t.Errorf("the one that runs: %+v", s)
	}
}
