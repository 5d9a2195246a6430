// Package sched decides which tokens run in the next forward pass.
//
// It sits between package engine, which feeds it groups and runs what it plans,
// and package kv, whose blocks it hands out. It is a plain state machine,
// without goroutines, clock or I/O: a test can drive it step by step, and the
// same calls always give the same plans.
//
// A step takes one token of every running sample and, with what room is left,
// the next part of the prompts that are being prefilled. Memory is reserved
// before it is used: a group enters when its prompt and one sample fit, a
// sample starts when the rest of its tokens fit, and so no step ever fails for
// want of a block.
package sched

import (
	"slices"

	"tinsmith.example/internal/engine/kv"
)

// BlockPositions is how many positions a KV block has.
const BlockPositions = 32

// Config bounds a step.
type Config struct {
	// MaxTokens is the most tokens of one step.
	MaxTokens int
	// MaxSamples is the most samples of one step, less than MaxTokens, and the
	// most that one group has running. If more run together, they take turns.
	MaxSamples int
	// MinPrefill is how many prompt tokens a step may take beside running
	// samples, if these are fewer; else as many as there are samples. So a
	// long prompt at most about doubles the others' step time. Without
	// running samples a prompt takes the whole step.
	MinPrefill int
}

// Scheduler plans steps. It is not safe for concurrent use.
type Scheduler struct {
	config   Config
	pool     *kv.Pool
	reserved int      // blocks promised to groups and samples, used or not
	waiting  []*Group // in order of arrival
	prefills []*Group // in order of admission
	decodes  []*Group // with samples that have not ended, in the same order
	running  []*Seq   // started and not ended; if not all fit a step, the next ones first
}

// New makes a scheduler that owns pool.
func New(c Config, pool *kv.Pool) *Scheduler {
	return &Scheduler{config: c, pool: pool}
}

// Add queues a group. Its Need must be at most the pool's capacity.
func (s *Scheduler) Add(g *Group) {
	g.unended = g.Samples
	for i := range g.Samples {
		g.seqs = append(g.seqs, &Seq{Group: g, Index: i})
	}
	s.waiting = append(s.waiting, g)
}

// Idle says whether there is nothing to run.
func (s *Scheduler) Idle() bool {
	return len(s.waiting) == 0 && len(s.prefills) == 0 && len(s.decodes) == 0
}

// Cancel drops a group and frees what it holds at once. It must not be called
// between Plan and the Appends that follow it. A group that has ended stays so.
func (s *Scheduler) Cancel(g *Group) {
	if g.state == ended {
		return
	}
	for _, q := range g.seqs {
		s.end(q)
	}
	s.finish(g)
}

// Part is what a step does of one sequence: some tokens of a group's prompt, or
// the last sampled token of one sample.
type Part struct {
	Group  *Group
	Seq    *Seq // nil: the prompt
	Tokens []int32
	Pos    int
	Blocks []*kv.Block
	// Logits is the index of the first token whose logits are wanted.
	Logits int
}

// Plan returns the parts of the next step; none means that there is nothing to
// do. Every Part must have run before the next call but Append: after the last
// part of a prompt it is called for each sample of the group, after a sample's
// part for that sample.
func (s *Scheduler) Plan() []Part {
	s.admit()
	s.start()
	parts := make([]Part, 0, len(s.running)+len(s.prefills))
	for _, q := range s.turn() {
		parts = append(parts, s.decode(q))
	}
	room := s.config.MaxTokens
	if n := len(parts); n > 0 {
		room = min(s.config.MaxTokens-n, max(n, s.config.MinPrefill))
	}
	for i, g := range s.prefills {
		if room == 0 {
			break
		}
		p := s.prefill(g, max(1, room/(len(s.prefills)-i))) // alike: a long prompt does not hold up those behind it
		room -= len(p.Tokens)
		parts = append(parts, p)
	}
	s.prefills = slices.DeleteFunc(s.prefills, func(g *Group) bool { return g.state != prefilling })
	return parts
}

// turn is the samples of the next step: all that run or, if these are more than
// MaxSamples, that many: of each group alike, and in each group those that have
// waited longest. So no sample waits for another to end.
func (s *Scheduler) turn() []*Seq {
	most := s.config.MaxSamples
	if len(s.running) <= most {
		return s.running
	}
	rank := map[*Group]int{} // within its group
	ranks := make(map[*Seq]int, len(s.running))
	for _, q := range s.running {
		ranks[q] = rank[q.Group]
		rank[q.Group]++
	}
	slices.SortStableFunc(s.running, func(a, b *Seq) int { return ranks[a] - ranks[b] })
	s.running = slices.Concat(s.running[most:], s.running[:most])
	return s.running[len(s.running)-most:]
}

// Append gives a sample its next token; last says that it is its last one.
func (s *Scheduler) Append(g *Group, sample int, token int32, last bool) {
	q := g.seqs[sample]
	q.Tokens = append(q.Tokens, token)
	if !last {
		return
	}
	s.end(q)
	if g.unended == 0 {
		s.finish(g)
	}
}

// Tokens is what sample i of the group has got so far.
func (g *Group) Tokens(i int) []int32 { return g.seqs[i].Tokens }

// admit lets waiting groups in, in order, as long as their prompt and one
// sample fit beside what is promised already.
func (s *Scheduler) admit() {
	for len(s.waiting) > 0 {
		g := s.waiting[0]
		if s.reserved+g.Need() > s.pool.Capacity() {
			return
		}
		s.waiting = s.waiting[1:]
		g.reserved = g.promptBlocks()
		g.seqs[0].reserved = g.sampleBlocks()
		s.reserved += g.reserved + g.seqs[0].reserved
		g.state = prefilling
		s.prefills = append(s.prefills, g)
	}
}

// prefill takes the next tokens of g's prompt, at most room.
func (s *Scheduler) prefill(g *Group, room int) Part {
	p := Part{Group: g, Pos: g.prefilled}
	end := min(len(g.Prompt), g.prefilled+room)
	p.Tokens = g.Prompt[g.prefilled:end]
	for len(g.blocks) < blocksFor(end) {
		g.blocks = append(g.blocks, s.pool.Alloc())
	}
	p.Blocks = g.blocks
	p.Logits = len(p.Tokens)
	if end == len(g.Prompt) {
		p.Logits--
		g.state = decoding
		s.decodes = append(s.decodes, g)
	}
	if g.AllLogits {
		p.Logits = 0
	}
	g.prefilled = end
	return p
}

// start gives blocks to samples that have their first token, as long as memory
// and MaxSamples allow; each time to the group with the fewest running ones.
func (s *Scheduler) start() {
	for g := s.nextToStart(); g != nil; g = s.nextToStart() {
		q := g.seqs[g.next]
		s.reserve(q)
		s.adopt(q)
		s.running = append(s.running, q)
	}
}

// nextToStart is the group whose next sample starts, nil if none can. Those
// whose sample has no memory yet stand back behind those where it has, or where
// there is enough.
func (s *Scheduler) nextToStart() (best *Group) {
	for _, g := range s.decodes {
		if g.next == len(g.seqs) || g.running == s.config.MaxSamples || best != nil && g.running >= best.running {
			continue
		}
		if q := g.seqs[g.next]; q.reserved > 0 || len(s.waiting) == 0 && s.reserved+g.sampleBlocks() <= s.pool.Capacity() {
			best = g
		}
	}
	return best
}

// reserve promises q the blocks of its own, if that has not been done.
func (s *Scheduler) reserve(q *Seq) {
	if q.reserved == 0 {
		q.reserved = q.Group.sampleBlocks()
		s.reserved += q.reserved
	}
}

// adopt makes q a holder of the prompt's full blocks, with a copy of the one
// that is partly filled: a block that is shared is never written. The last
// sample to start takes over the group's own hold instead.
func (s *Scheduler) adopt(q *Seq) {
	g := q.Group
	q.started = true
	g.running++
	g.skip()
	if g.next == len(g.seqs) {
		q.blocks, g.blocks = g.blocks, nil
		return
	}
	full := len(g.Prompt) / BlockPositions
	for _, b := range g.blocks[:full] {
		q.blocks = append(q.blocks, s.pool.Retain(b))
	}
	if full < len(g.blocks) {
		q.blocks = append(q.blocks, s.pool.Copy(g.blocks[full]))
	}
}

// decode is q's next step: its last token, at the position after those before.
func (s *Scheduler) decode(q *Seq) Part {
	pos := len(q.Group.Prompt) + len(q.Tokens) - 1
	if len(q.blocks) < blocksFor(pos+1) {
		q.blocks = append(q.blocks, s.pool.Alloc())
	}
	return Part{Group: q.Group, Seq: q, Tokens: q.Tokens[len(q.Tokens)-1:], Pos: pos, Blocks: q.blocks}
}

// end takes q out of what runs and frees its blocks. What was reserved for the
// group's last running sample goes to its next one, so that a group once
// admitted can always go on, however full the pool is; what else comes free is
// for groups that wait.
func (s *Scheduler) end(q *Seq) {
	if q.ended {
		return
	}
	g := q.Group
	q.ended = true
	g.unended--
	if q.started {
		g.running--
		i := slices.Index(s.running, q)
		s.running = slices.Delete(s.running, i, i+1)
	}
	g.skip()
	s.release(&q.blocks)
	if g.next < len(g.seqs) && g.seqs[g.next].reserved == 0 && g.running == 0 {
		g.seqs[g.next].reserved = q.reserved
	} else {
		s.reserved -= q.reserved
	}
	q.reserved = 0
}

// finish frees what the group itself holds and forgets it.
func (s *Scheduler) finish(g *Group) {
	s.release(&g.blocks)
	s.reserved -= g.reserved
	g.reserved = 0
	g.state = ended
	for _, list := range []*[]*Group{&s.waiting, &s.prefills, &s.decodes} {
		if i := slices.Index(*list, g); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
		}
	}
}

func (s *Scheduler) release(blocks *[]*kv.Block) {
	for _, b := range *blocks {
		s.pool.Release(b)
	}
	*blocks = nil
}
