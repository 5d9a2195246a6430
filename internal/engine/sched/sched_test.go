package sched

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tinsmith.example/internal/engine/kv"
)

// machine runs plans as a model would, on blocks that hold a hash of the
// sequence up to each position instead of keys, values and hidden states, and
// checks that what a row would see is its sequence.
type machine struct {
	t        *testing.T
	sched    *Scheduler
	pool     *kv.Pool
	steps    int
	computed int            // tokens
	logits   map[*Group]int // visited, of prompts
	fails    func() bool    // whether a part does; nil: none
	failed   map[*Group]bool
}

const testBlockBytes = 8 * kv.BlockPositions

func newMachine(t *testing.T, c Config, blocks int) *machine {
	pool := kv.NewPool(kv.Size{Data: testBlockBytes, Hidden: kv.BlockPositions}, blocks)
	return &machine{t: t, sched: New(c, pool), pool: pool, logits: map[*Group]int{}, failed: map[*Group]bool{}}
}

// step runs one plan; next gives a sample's next token and whether it is the
// last. It returns the plan.
func (m *machine) step(next func(g *Group, sample int) (int32, bool)) []Part {
	m.t.Helper()
	m.steps++
	parts := m.sched.Plan()
	rows := 0
	for _, p := range parts {
		rows += len(p.Tokens)
		m.run(p)
	}
	if rows > m.sched.config.MaxTokens {
		m.t.Fatalf("step %d has %d tokens, more than %d", m.steps, rows, m.sched.config.MaxTokens)
	}
	if m.sched.reserved > m.pool.Capacity() || m.pool.Held() > m.sched.reserved {
		m.t.Fatalf("step %d: %d blocks held, %d reserved, %d exist", m.steps, m.pool.Held(), m.sched.reserved, m.pool.Capacity())
	}
	bad := map[int]bool{}
	for i, p := range parts {
		if m.fails != nil && m.fails() {
			bad[i] = true
			m.spoil(p)
			continue
		}
		m.sched.Ran(p)
	}
	for i, p := range parts {
		switch {
		case bad[i]:
			m.failed[p.Group] = true
		case p.Seq != nil:
			token, last := next(p.Group, p.Seq.Index)
			m.sched.Append(p.Group, p.Seq.Index, token, last)
		case p.Samples():
			if m.logits[p.Group] != len(p.Group.Wanted) {
				m.t.Fatalf("step %d: the samples begin after %d of %d wanted logits", m.steps, m.logits[p.Group], len(p.Group.Wanted))
			}
			for i := range p.Group.Samples {
				token, last := next(p.Group, i)
				m.sched.Append(p.Group, i, token, last)
			}
		}
	}
	for i := range bad {
		m.sched.Cancel(parts[i].Group)
	}
	return parts
}

// spoil leaves in a part's blocks what nobody must ever see.
func (m *machine) spoil(p Part) {
	for pos := p.Pos; pos < p.End(); pos++ {
		b := p.Blocks[pos/kv.BlockPositions]
		binary.LittleEndian.PutUint64(b.Data[8*(pos%kv.BlockPositions):], 0xbad)
		b.Hidden[pos%kv.BlockPositions] = float32(math.NaN())
	}
}

// run writes a part's positions to its blocks and reads its whole sequence back.
func (m *machine) run(p Part) {
	m.t.Helper()
	m.computed += len(p.Tokens)
	sequence := p.Group.Prompt
	if p.Seq != nil {
		sequence = append(append([]int32{}, sequence...), p.Seq.Tokens...)
	}
	state := fnv.New64a()
	fmt.Fprint(state, p.Group.Key)
	hidden := map[int]float32{}
	for pos, token := range sequence[:p.End()] {
		binary.Write(state, binary.LittleEndian, token)
		b, at := p.Blocks[pos/kv.BlockPositions], pos%kv.BlockPositions
		if pos >= p.Pos {
			if token != p.Tokens[pos-p.Pos] {
				m.t.Fatalf("step %d runs token %d at position %d, want %d", m.steps, p.Tokens[pos-p.Pos], pos, token)
			}
			if b.Shared() {
				m.t.Fatalf("step %d writes position %d to a shared block", m.steps, pos)
			}
			binary.LittleEndian.PutUint64(b.Data[8*at:], state.Sum64())
			b.Hidden[at] = float32(state.Sum64() % 10007)
		}
		if got := binary.LittleEndian.Uint64(b.Data[8*at:]); got != state.Sum64() {
			m.t.Fatalf("step %d: position %d of a sequence of %d holds %x, want %x", m.steps, pos, p.End(), got, state.Sum64())
		}
		hidden[pos] = float32(state.Sum64() % 10007)
	}
	for _, pos := range p.Wanted {
		if got, ok := hidden[pos]; !ok || math.Abs(float64(got-p.Blocks[pos/kv.BlockPositions].Hidden[pos%kv.BlockPositions])) != 0 {
			m.t.Fatalf("step %d: no hidden state for the logits of position %d", m.steps, pos)
		}
	}
	if p.Seq == nil {
		want := p.Group.Wanted[m.logits[p.Group]:][:len(p.Wanted)]
		if fmt.Sprint(p.Wanted) != fmt.Sprint(want) {
			m.t.Fatalf("step %d gives logits of %v, want %v", m.steps, p.Wanted, want)
		}
		m.logits[p.Group] += len(p.Wanted)
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

// randomGroup has a prompt that may begin like that of one of the others, or go
// on where one of their samples ended.
func randomGroup(r *rand.Rand, capacity int, others []*Group) *Group {
	for {
		var start []int32
		if len(others) > 0 && r.IntN(4) > 0 {
			other := others[r.IntN(len(others))]
			start = append(start, other.Prompt...)
			if r.IntN(2) == 0 {
				start = append(start, other.Tokens(r.IntN(other.Samples))...)
			}
			start = start[:r.IntN(len(start)+1)]
		}
		g := &Group{
			Prompt:    append(start, make([]int32, r.IntN(1+r.IntN(200)))...),
			Samples:   1 + r.IntN(1+r.IntN(20)),
			MaxTokens: 1 + r.IntN(1+r.IntN(100)),
			Session:   fmt.Sprint(r.IntN(3)),
			Key:       kv.Key{Tenant: fmt.Sprint(r.IntN(5) / 4)},
		}
		for i := len(start); i < len(g.Prompt); i++ {
			g.Prompt[i] = r.Int32N(1000)
		}
		if len(g.Prompt) == 0 || g.Need() > capacity {
			continue
		}
		if r.IntN(2) == 0 {
			every := 1 + r.IntN(3)
			for pos := r.IntN(len(g.Prompt)); pos < len(g.Prompt)-1; pos += every {
				g.Wanted = append(g.Wanted, pos)
			}
			g.Wanted = append(g.Wanted, len(g.Prompt)-1)
		}
		return g
	}
}

// TestEverySampleGetsWhatItGetsAlone runs random groups that come, are cancelled
// and fail at random, in little memory, with and without a cache: all others end
// with the tokens that they get in an empty machine, nobody sees what a failed
// part has left, and all memory comes back.
func TestEverySampleGetsWhatItGetsAlone(t *testing.T) {
	hits, computed := 0, 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		capacity := 9 + r.IntN(60)
		c := Config{MaxTokens: 8 + r.IntN(60), MinPrefill: 1 + r.IntN(8), FarPosition: r.IntN(100), MaxPrefill: r.IntN(3), NoCache: r.IntN(4) == 0}
		c.MaxSamples = 1 + r.IntN(c.MaxTokens-1)
		m := newMachine(t, c, capacity)
		if r.IntN(2) == 0 {
			m.fails = func() bool { return r.IntN(200) == 0 }
		}
		var groups []*Group
		cancelled := map[*Group]bool{}
		for arrivals := 1 + r.IntN(12); arrivals > 0 || !m.sched.Idle(); {
			if arrivals > 0 && r.IntN(4) == 0 {
				g := randomGroup(r, capacity, groups)
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
		if m.pool.Held() != 0 || m.sched.reserved != 0 || len(m.sched.sessions) != 0 {
			t.Fatalf("seed %d: %d blocks held, %d reserved, %d sessions at the end", seed, m.pool.Held(), m.sched.reserved, len(m.sched.sessions))
		}
		for i, g := range groups {
			hits += g.Cached()
			if cancelled[g] || m.failed[g] {
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
		computed += m.computed
	}
	t.Logf("%d prompt tokens were found in the cache, %d tokens computed", hits, computed)
	if hits == 0 {
		t.Error("no prompt was found in the cache")
	}
}

// TestNoGroupWaitsForAnothersGeneration lets a small group arrive when a large
// one has taken all of something; it must be served within a few steps.
func TestNoGroupWaitsForAnothersGeneration(t *testing.T) {
	prompt := func(n int, token int32) []int32 {
		p := make([]int32, n)
		for i := range p {
			p[i] = token
		}
		return p
	}
	many := Config{MaxTokens: 64, MaxSamples: 32, MinPrefill: 4}
	for _, tt := range []struct {
		name         string
		config       Config
		blocks       int
		large, small *Group
		copies       int // of the large one, all there before
	}{
		{"all rows of a step", Config{MaxTokens: 16, MaxSamples: 4, MinPrefill: 4}, 4000,
			&Group{Prompt: prompt(3, 1), Samples: 4, MaxTokens: 1000}, &Group{Prompt: prompt(3, 2), Samples: 1, MaxTokens: 3}, 1},
		{"all memory", many, 12,
			&Group{Prompt: prompt(3, 1), Samples: 1000, MaxTokens: 20}, &Group{Prompt: prompt(100, 2), Samples: 1, MaxTokens: 3}, 1},
		{"all room for prompts", Config{MaxTokens: 16, MaxSamples: 4, MinPrefill: 4}, 4000,
			&Group{Prompt: prompt(8000, 1), Samples: 1, MaxTokens: 1}, &Group{Prompt: prompt(3, 2), Samples: 1, MaxTokens: 3}, 1},
		{"another session's queue", many, 64,
			&Group{Prompt: prompt(100, 1), Samples: 1, MaxTokens: 100, Session: "busy"}, &Group{Prompt: prompt(3, 2), Samples: 1, MaxTokens: 3}, 200},
		{"a request that waits for memory", many, 64,
			&Group{Prompt: prompt(60*kv.BlockPositions, 1), Samples: 1, MaxTokens: 1, Session: "large"}, &Group{Prompt: prompt(3, 2), Samples: 1, MaxTokens: 3}, 2},
	} {
		m := newMachine(t, tt.config, tt.blocks)
		next := func(g *Group, i int) (int32, bool) { return 0, len(g.Tokens(i))+1 == g.MaxTokens-i%8 }
		for range tt.copies {
			g := *tt.large
			m.sched.Add(&g)
		}
		for range 5 {
			m.step(next)
		}
		m.sched.Add(tt.small)
		for before := m.steps; tt.small.state != ended; {
			if m.step(next); m.steps > before+200 {
				t.Errorf("%s: not served within 200 steps", tt.name)
				break
			}
		}
	}
}

// TestSessionsGetPromptsAlike: as many tokens of a session's one prompt are
// computed as of another's many, in steps of all sizes, whoever came first; and
// the prompts of one session go on together.
func TestSessionsGetPromptsAlike(t *testing.T) {
	for _, size := range []int{1, 3, 16, 24, 100} {
		for _, decoding := range []bool{false, true} {
			m := newMachine(t, Config{MaxTokens: size + 1, MaxSamples: 1, MinPrefill: size, FarPosition: 1 << 20}, 4000)
			next := func(g *Group, i int) (int32, bool) { return 0, len(g.Tokens(i))+1 == g.MaxTokens }
			if decoding {
				m.sched.Add(&Group{Prompt: []int32{1}, Samples: 1, MaxTokens: 1 << 15, Session: "decodes"})
				m.step(next)
			}
			add := func(session string, first int32) *Group {
				g := &Group{Prompt: make([]int32, 3000), Samples: 1, MaxTokens: 1, Session: session}
				g.Prompt[0] = first
				m.sched.Add(g)
				return g
			}
			var many []*Group
			for i := range int32(7) {
				many = append(many, add("many", 10+i))
			}
			one, other := add("one", 20), add("other", 30)
			for one.prefilled+other.prefilled < 2000 {
				m.step(next)
			}
			sum, least, most := 0, many[0].prefilled, 0
			for _, g := range many {
				sum += g.prefilled
				least, most = min(least, g.prefilled), max(most, g.prefilled)
			}
			slack := size + 2*quantum
			if abs(one.prefilled-other.prefilled) > slack || abs(one.prefilled-sum) > slack || most-least > slack {
				t.Errorf("steps of %d, decoding %v: %d and %d tokens beside %d of the session with 7 prompts, %d to %d of each",
					size, decoding, one.prefilled, other.prefilled, sum, least, most)
			}
		}
	}
}

// TestALongPromptIsNotStarved: beside clients that come with the next short
// prompt as soon as the last one has been answered, each as a session of its
// own, as a new session every time or all of the long prompt's own session, a
// long prompt gets its share; and so do they.
func TestALongPromptIsNotStarved(t *testing.T) {
	const long, room = 4000, 32
	for _, kind := range []string{"sessions", "new sessions", "one session"} {
		for _, length := range []int{16, 40, 200, 500} {
			for _, clients := range []int{2, 4, 16} {
				m := newMachine(t, Config{MaxTokens: 256, MaxSamples: 128, MaxPrefill: room, NoCache: true}, 1<<13)
				next := func(*Group, int) (int32, bool) { return 0, true }
				current := make([]*Group, clients)
				asked := 0
				ask := func() {
					for i, g := range current {
						if g != nil && g.state != ended {
							continue
						}
						asked++
						session := map[string]string{"sessions": fmt.Sprint(i), "new sessions": fmt.Sprint("new", asked), "one session": "long"}[kind]
						current[i] = &Group{Prompt: make([]int32, length), Samples: 1, MaxTokens: 1, Session: session}
						m.sched.Add(current[i])
					}
				}
				ask()
				m.step(next)
				g := &Group{Prompt: make([]int32, long), Samples: 1, MaxTokens: 1, Session: "long"}
				m.sched.Add(g)
				before, share := m.steps, long*(clients+1)/room
				for g.state != ended && m.steps < before+4*share {
					ask()
					m.step(next)
				}
				answered := (asked - clients) * length / clients // tokens of each client
				if steps := m.steps - before; steps > 2*share || answered < long/3 {
					t.Errorf("%s: beside %d clients with prompts of %d tokens %d steps, want about %d; %d tokens of each client",
						kind, clients, length, steps, share, answered)
				}
			}
		}
	}
}

// TestUnusedTurnsAreGone: a session that long had no prompts, but a sample, does
// not make up for it.
func TestUnusedTurnsAreGone(t *testing.T) {
	m := newMachine(t, Config{MaxTokens: 256, MaxSamples: 128, MinPrefill: 32, NoCache: true}, 4000)
	next := func(g *Group, i int) (int32, bool) { return 0, len(g.Tokens(i))+1 == g.MaxTokens }
	add := func(session string, tokens, most int) *Group {
		g := &Group{Prompt: make([]int32, tokens), Samples: 1, MaxTokens: most, Session: session}
		m.sched.Add(g)
		return g
	}
	add("sleeps", 1, 1<<15)
	m.step(next)
	busy := add("busy", 8000, 1)
	for busy.prefilled < 4000 {
		m.step(next)
	}
	woken := add("sleeps", 4000, 1)
	for before := busy.prefilled; woken.prefilled < 1000; {
		m.step(next)
		if ahead := woken.prefilled - (busy.prefilled - before); ahead > 3*quantum {
			t.Fatalf("the session that slept is %d tokens ahead", ahead)
		}
	}
}

// TestSharingAPromptDelaysNobody: a group that begins like the last of a hundred
// of another session is served as soon as without a cache. If that one is the end
// of a chain in which each goes on where the one before ends and waits for it,
// each can take a step more.
func TestSharingAPromptDelaysNobody(t *testing.T) {
	for _, links := range []int{1, 10} {
		steps := map[bool]int{}
		for _, noCache := range []bool{true, false} {
			m := newMachine(t, Config{MaxTokens: 256, MaxSamples: 128, MinPrefill: 32, NoCache: noCache}, 20000)
			next := func(*Group, int) (int32, bool) { return 0, true }
			var last []int32
			for i := range int32(100) {
				if int(i) <= 100-links {
					last = make([]int32, 1000)
					last[0] = i
				}
				last = append(slices.Clone(last), slices.Repeat([]int32{i}, minGain)...)
				m.sched.Add(&Group{Prompt: last, Samples: 1, MaxTokens: 1, Session: "many"})
			}
			m.step(next)
			one := &Group{Prompt: append(slices.Clone(last), 7), Samples: 1, MaxTokens: 1, Session: "one"}
			m.sched.Add(one)
			for before := m.steps; one.state != ended; {
				m.step(next)
				steps[noCache] = m.steps - before
			}
		}
		if steps[false] > steps[true]+links {
			t.Errorf("a chain of %d: %d steps, without a cache %d", links, steps[false], steps[true])
		}
	}
}

func abs(x int) int { return max(x, -x) }

// TestLargeRequestsAreNotPassedForEver: small ones may go before one that does
// not fit, but only so often.
func TestLargeRequestsAreNotPassedForEver(t *testing.T) {
	m := newMachine(t, Config{MaxTokens: 64, MaxSamples: 32, MinPrefill: 4}, 10)
	next := func(g *Group, i int) (int32, bool) { return 0, len(g.Tokens(i))+1 == g.MaxTokens }
	small := func() *Group { return &Group{Prompt: make([]int32, 40), Samples: 1, MaxTokens: 20, Session: "small"} }
	m.sched.Add(small())
	m.step(next)
	large := &Group{Prompt: make([]int32, 9*kv.BlockPositions), Samples: 1, MaxTokens: 1, Session: "large"}
	m.sched.Add(large)
	for large.state != ended {
		m.sched.Add(small())
		if m.step(next); m.steps > 300 {
			t.Fatal("never served")
		}
	}
}

// TestOnePromptIsComputedOnce: of 16 groups that come together with one prompt,
// one computes it, and so for those that come later or share a part.
func TestOnePromptIsComputedOnce(t *testing.T) {
	next := func(g *Group, i int) (int32, bool) { return int32(i), len(g.Tokens(i))+1 == g.MaxTokens }
	prompt := make([]int32, 2000)
	for i := range prompt {
		prompt[i] = int32(i)
	}
	m := newMachine(t, Config{MaxTokens: 256, MaxSamples: 128, MinPrefill: 32}, 4000)
	run := func(groups ...*Group) (computed int) {
		m.computed = 0
		for _, g := range groups {
			m.sched.Add(g)
		}
		for !m.sched.Idle() {
			m.step(next)
		}
		return m.computed
	}
	together := make([]*Group, 16)
	for i := range together {
		together[i] = &Group{Prompt: prompt, Samples: 1, MaxTokens: 1}
	}
	if n := run(together...); n != len(prompt) {
		t.Errorf("16 groups of one prompt of %d tokens computed %d", len(prompt), n)
	}
	for i, g := range together {
		if want := len(prompt) * min(i, 1); g.Cached() != want {
			t.Errorf("group %d found %d tokens, want %d", i, g.Cached(), want)
		}
	}
	suffix := append(prompt[:1990:1990], 7, 7, 7)
	if n := run(&Group{Prompt: suffix, Samples: 1, MaxTokens: 1}); n != 3 {
		t.Errorf("a prompt with 1990 tokens in common and 3 others computed %d", n)
	}
	all := &Group{Prompt: prompt[:50], Samples: 1, MaxTokens: 1, Wanted: []int{0, 1, 2, 49}}
	if n := run(all); n != 0 || m.logits[all] != 4 {
		t.Errorf("a part of a prompt computed %d tokens and %d logits, want 0 and 4", n, m.logits[all])
	}
	other := &Group{Prompt: prompt, Samples: 1, MaxTokens: 1, Key: kv.Key{Tenant: "another"}}
	if n := run(other); n != len(prompt) || other.Cached() != 0 {
		t.Errorf("another tenant's group computed %d tokens and found %d", n, other.Cached())
	}
	talk := &Group{Prompt: prompt[:100], Samples: 1, MaxTokens: 60}
	run(talk)
	more := &Group{Prompt: append(append([]int32{}, talk.Prompt...), talk.Tokens(0)...), Samples: 1, MaxTokens: 1}
	if n := run(more); n != 1 { // the sample's last token has not run
		t.Errorf("a conversation that goes on computed %d tokens, want 1", n)
	}
}

// TestPromptsCostLessThanTheSamples: beside 32 samples the part of a step that is
// prompts costs at most 5/6 of what they do, wherever in a prompt it is.
func TestPromptsCostLessThanTheSamples(t *testing.T) {
	const far = 1500
	m := newMachine(t, Config{MaxTokens: 256, MaxSamples: 128, MinPrefill: 16, FarPosition: far}, 4000)
	next := func(g *Group, i int) (int32, bool) { return int32(i), len(g.Tokens(i))+1 == g.MaxTokens }
	for i := range int32(32) {
		m.sched.Add(&Group{Prompt: []int32{i, i, i}, Samples: 1, MaxTokens: 1000})
	}
	for range 5 {
		m.step(next)
	}
	long := &Group{Prompt: make([]int32, 4000), Samples: 1, MaxTokens: 1}
	m.sched.Add(long)
	for long.state != ended {
		samples, prompts := 0, 0
		for _, p := range m.step(next) {
			for i := range p.Tokens {
				if cost := far + p.Pos + i; p.Seq != nil {
					samples += cost
				} else {
					prompts += cost
				}
			}
		}
		if 6*prompts > 5*samples || prompts < samples/3 && long.state != ended {
			t.Fatalf("step %d: prompts cost %d beside samples that cost %d", m.steps, prompts, samples)
		}
	}
}
