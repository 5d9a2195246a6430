package sched

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tinsmith.example/internal/engine/kv"
)

// machine runs plans as a model would, on blocks that hold the tokens instead
// of keys and values, and checks that what a row would see is its sequence.
type machine struct {
	t     *testing.T
	sched *Scheduler
	pool  *kv.Pool
	steps int
}

const testBlockBytes = 4 * BlockPositions

func newMachine(t *testing.T, c Config, blocks int) *machine {
	pool := kv.NewPool(testBlockBytes, blocks)
	return &machine{t: t, sched: New(c, pool), pool: pool}
}

// step runs one plan; next gives a sample's next token and whether it is the
// last. It returns the plan.
func (m *machine) step(next func(g *Group, sample int) (int32, bool)) []Part {
	m.t.Helper()
	m.steps++
	parts := m.sched.Plan()
	tokens := 0
	for _, p := range parts {
		tokens += len(p.Tokens)
		m.check(p)
	}
	if tokens > m.sched.config.MaxTokens {
		m.t.Fatalf("step %d has %d tokens, more than %d", m.steps, tokens, m.sched.config.MaxTokens)
	}
	if m.sched.reserved > m.pool.Capacity() || m.pool.Used() > m.sched.reserved {
		m.t.Fatalf("step %d: %d blocks used, %d reserved, %d exist", m.steps, m.pool.Used(), m.sched.reserved, m.pool.Capacity())
	}
	for _, p := range parts {
		switch {
		case p.Seq != nil:
			token, last := next(p.Group, p.Seq.Index)
			m.sched.Append(p.Group, p.Seq.Index, token, last)
		case p.Pos+len(p.Tokens) == len(p.Group.Prompt):
			for i := range p.Group.Samples {
				token, last := next(p.Group, i)
				m.sched.Append(p.Group, i, token, last)
			}
		}
	}
	return parts
}

// check writes a part's tokens to its blocks and reads its whole sequence back.
func (m *machine) check(p Part) {
	m.t.Helper()
	for i, token := range p.Tokens {
		b := p.Blocks[(p.Pos+i)/BlockPositions]
		if b.Shared() {
			m.t.Fatalf("step %d writes position %d to a shared block", m.steps, p.Pos+i)
		}
		binary.LittleEndian.PutUint32(b.Data[(p.Pos+i)%BlockPositions*4:], uint32(token))
	}
	want := p.Group.Prompt
	if p.Seq != nil {
		want = append(append([]int32{}, want...), p.Seq.Tokens...)
	}
	for pos, token := range want[:p.Pos+len(p.Tokens)] {
		got := int32(binary.LittleEndian.Uint32(p.Blocks[pos/BlockPositions].Data[pos%BlockPositions*4:]))
		if got != token {
			m.t.Fatalf("step %d: position %d holds %d, want %d", m.steps, pos, got, token)
		}
	}
}

// tokenOf is a token that depends on the whole sequence, as a model's does, and
// with it the length of the sample.
func tokenOf(g *Group, sample int) (int32, bool) {
	h := fnv.New32a()
	for _, t := range g.Prompt {
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(t)))
	}
	so := g.Tokens(sample)
	fmt.Fprint(h, sample, so)
	v := h.Sum32()
	return int32(v % 1000), len(so)+1 == g.MaxTokens || v%29 == 0
}

func randomGroup(r *rand.Rand, capacity int) *Group {
	for {
		g := &Group{
			Prompt:    make([]int32, 1+r.IntN(1+r.IntN(200))),
			Samples:   1 + r.IntN(1+r.IntN(20)),
			MaxTokens: 1 + r.IntN(1+r.IntN(100)),
			AllLogits: r.IntN(2) == 0,
		}
		for i := range g.Prompt {
			g.Prompt[i] = r.Int32N(1000)
		}
		if g.Need() <= capacity {
			return g
		}
	}
}

// TestEverySampleGetsWhatItGetsAlone runs random groups that come and are
// cancelled at random, in little memory: each that is not cancelled ends with
// the tokens that it gets in an empty machine, and all memory comes back.
func TestEverySampleGetsWhatItGetsAlone(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		capacity := 9 + r.IntN(60)
		c := Config{MaxTokens: 8 + r.IntN(60), MinPrefill: 1 + r.IntN(8)}
		c.MaxSamples = 1 + r.IntN(c.MaxTokens-1)
		m := newMachine(t, c, capacity)
		var groups []*Group
		cancelled := map[*Group]bool{}
		for arrivals := 1 + r.IntN(12); arrivals > 0 || !m.sched.Idle(); {
			if arrivals > 0 && r.IntN(4) == 0 {
				g := randomGroup(r, capacity)
				groups = append(groups, g)
				m.sched.Add(g)
				arrivals--
			}
			if len(groups) > 0 && r.IntN(60) == 0 {
				g := groups[r.IntN(len(groups))]
				if g.state != ended {
					cancelled[g] = true
				}
				m.sched.Cancel(g)
			}
			if parts := m.step(tokenOf); len(parts) == 0 && !m.sched.Idle() {
				t.Fatalf("seed %d: nothing planned though there is work", seed)
			}
			if m.steps > 1e5 {
				t.Fatalf("seed %d: no end in sight", seed)
			}
		}
		if m.pool.Used() != 0 || m.sched.reserved != 0 {
			t.Fatalf("seed %d: %d blocks in use, %d reserved at the end", seed, m.pool.Used(), m.sched.reserved)
		}
		for i, g := range groups {
			if cancelled[g] {
				continue
			}
			alone := &Group{Prompt: g.Prompt, Samples: g.Samples, MaxTokens: g.MaxTokens}
			lone := newMachine(t, Config{MaxTokens: 1 << 20, MaxSamples: 1 << 10, MinPrefill: 1}, 1<<20)
			lone.sched.Add(alone)
			for !lone.sched.Idle() {
				lone.step(tokenOf)
			}
			for s := range g.Samples {
				if got, want := fmt.Sprint(g.Tokens(s)), fmt.Sprint(alone.Tokens(s)); got != want {
					t.Fatalf("seed %d, group %d, sample %d: got %s, want %s", seed, i, s, got, want)
				}
			}
		}
	}
}

// TestNoGroupWaitsForAnothersGeneration lets a small group arrive when a large
// one has taken all of something; it must be served within a few steps.
func TestNoGroupWaitsForAnothersGeneration(t *testing.T) {
	prompt := func(n int) []int32 { return make([]int32, n) }
	for _, tt := range []struct {
		name         string
		config       Config
		blocks       int
		large, small *Group
	}{
		{"all rows of a step", Config{MaxTokens: 16, MaxSamples: 4, MinPrefill: 4}, 4000,
			&Group{Prompt: prompt(3), Samples: 4, MaxTokens: 1000}, &Group{Prompt: prompt(3), Samples: 1, MaxTokens: 3}},
		{"all memory", Config{MaxTokens: 64, MaxSamples: 32, MinPrefill: 4}, 12,
			&Group{Prompt: prompt(3), Samples: 1000, MaxTokens: 20}, &Group{Prompt: prompt(100), Samples: 1, MaxTokens: 3}},
		{"all room for prompts", Config{MaxTokens: 16, MaxSamples: 4, MinPrefill: 4}, 4000,
			&Group{Prompt: prompt(8000), Samples: 1, MaxTokens: 1}, &Group{Prompt: prompt(3), Samples: 1, MaxTokens: 3}},
	} {
		m := newMachine(t, tt.config, tt.blocks)
		next := func(g *Group, i int) (int32, bool) { return 0, len(g.Tokens(i))+1 == g.MaxTokens-i%8 }
		m.sched.Add(tt.large)
		for range 5 {
			m.step(next)
		}
		m.sched.Add(tt.small)
		for tt.small.state != ended {
			if m.step(next); m.steps > 50 {
				t.Errorf("%s: not served within 45 steps", tt.name)
				break
			}
		}
	}
}

// TestTraces compares the plans of written scenarios with testdata. To accept
// new plans, run with UPDATE_TRACES=1 and read the diff.
func TestTraces(t *testing.T) {
	prompt := func(n int) []int32 { return make([]int32, n) }
	for _, tt := range []struct {
		name   string
		config Config
		blocks int
		groups []*Group
		arrive []int // step at which each group arrives
	}{
		{"long_prompt_beside_samples", Config{MaxTokens: 64, MaxSamples: 8, MinPrefill: 4}, 40,
			[]*Group{{Prompt: prompt(5), Samples: 3, MaxTokens: 12}, {Prompt: prompt(70), Samples: 1, MaxTokens: 3}}, []int{0, 3}},
		{"waits_for_memory", Config{MaxTokens: 64, MaxSamples: 8, MinPrefill: 4}, 4,
			[]*Group{{Prompt: prompt(33), Samples: 2, MaxTokens: 3}, {Prompt: prompt(40), Samples: 1, MaxTokens: 2}}, []int{0, 0}},
		{"score_only", Config{MaxTokens: 16, MaxSamples: 8, MinPrefill: 4}, 8,
			[]*Group{{Prompt: prompt(40), Samples: 1, MaxTokens: 1, AllLogits: true}}, []int{0}},
		{"fair_between_groups", Config{MaxTokens: 16, MaxSamples: 4, MinPrefill: 4}, 40,
			[]*Group{{Prompt: prompt(2), Samples: 6, MaxTokens: 4}, {Prompt: prompt(3), Samples: 2, MaxTokens: 4}}, []int{0, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t, tt.config, tt.blocks)
			var trace strings.Builder
			for len(tt.arrive) > 0 || !m.sched.Idle() {
				for len(tt.arrive) > 0 && tt.arrive[0] == m.steps {
					m.sched.Add(tt.groups[0])
					fmt.Fprintf(&trace, "add %d tokens, %d samples of %d\n", len(tt.groups[0].Prompt), tt.groups[0].Samples, tt.groups[0].MaxTokens)
					tt.groups, tt.arrive = tt.groups[1:], tt.arrive[1:]
				}
				parts := m.step(func(g *Group, i int) (int32, bool) { return 0, len(g.Tokens(i))+1 == g.MaxTokens })
				fmt.Fprintf(&trace, "step %d:", m.steps)
				for _, p := range parts {
					if p.Seq != nil {
						fmt.Fprintf(&trace, " [%d-token prompt, sample %d: position %d]", len(p.Group.Prompt), p.Seq.Index, p.Pos)
					} else {
						fmt.Fprintf(&trace, " [%d-token prompt: %d to %d, logits from %d]", len(p.Group.Prompt), p.Pos, p.Pos+len(p.Tokens)-1, p.Pos+p.Logits)
					}
				}
				fmt.Fprintf(&trace, " then %d blocks used, %d reserved\n", m.pool.Used(), m.sched.reserved)
			}
			golden(t, filepath.Join("testdata", tt.name+".txt"), trace.String())
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_TRACES") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s", path, got)
	}
}
