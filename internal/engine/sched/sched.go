// Package sched decides which tokens run in the next forward pass.
//
// It sits between package engine, which feeds it groups and runs what it plans,
// and package kv, whose blocks it hands out. It is a plain state machine,
// without goroutines, clock or I/O: a test can drive it step by step, and the
// same calls always give the same plans.
//
// A step takes one token of every running sample and, with what room is left,
// the next part of the prompts that are being prefilled. What of a prompt the
// cache has is not computed again. Memory is reserved before it is used: a group
// enters when its prompt and one sample fit, a sample starts when the rest of
// its tokens fit, and so no step ever fails for want of a block. What the cache
// keeps it keeps only while nobody wants the memory.
//
// Sessions share room and memory alike, then the groups of each, then the
// samples of each group. Which of them runs when changes no result.
package sched

import (
	"slices"
	"sort"

	"tinsmith.example/internal/engine/kv"
)

// Config bounds a step.
type Config struct {
	// MaxTokens is the most tokens of one step.
	MaxTokens int
	// MaxSamples is the most samples of one step, less than MaxTokens, and the
	// most that one group has running. If more run together, they take turns.
	MaxSamples int
	// MinPrefill is how many prompt tokens a step may take beside running
	// samples, if these are few; else as many as cost 5/6 of what the samples
	// cost. So a long prompt does not double the others' step time. Without
	// running samples a prompt takes the whole step.
	MinPrefill int
	// MaxPrefill is the most prompt tokens of one step. 0: MaxTokens.
	MaxPrefill int
	// FarPosition is the position at which attention costs a token as much as
	// all else does. 0: attention costs nothing.
	FarPosition int
	// NoCache keeps nothing for later groups.
	NoCache bool
}

// Scheduler plans steps. It is not safe for concurrent use.
type Scheduler struct {
	config   Config
	pool     *kv.Pool
	reserved int        // blocks promised to groups and samples, used or not
	arrivals int        // of groups so far
	sessions []*session // in order of their first group's arrival
	served   int        // the most that given of a session has been
	waiting  int        // groups that wait, of all sessions
	prefills []*Group   // in order of admission
	decodes  []*Group   // with samples that have not ended, in the same order
	running  []*Seq     // started and not ended; if not all fit a step, the next ones first
}

// New makes a scheduler that owns pool.
func New(c Config, pool *kv.Pool) *Scheduler {
	return &Scheduler{config: c, pool: pool}
}

// Add queues a group. Its Need must be at most the pool's capacity.
func (s *Scheduler) Add(g *Group) {
	if g.Wanted == nil {
		g.Wanted = []int{len(g.Prompt) - 1}
	}
	s.arrivals++
	g.arrival = s.arrivals
	g.unended = g.Samples
	for i := range g.Samples {
		g.seqs = append(g.seqs, &Seq{Group: g, Index: i})
	}
	s.join(g)
	g.session.waiting = append(g.session.waiting, g)
	s.waiting++
}

// Idle says whether there is nothing to run.
func (s *Scheduler) Idle() bool {
	return s.waiting == 0 && len(s.prefills) == 0 && len(s.decodes) == 0
}

// Cancel drops a group and frees what it holds at once. It must not be called
// between Plan and the Rans and Appends that follow it. A group that has ended
// stays so.
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
// the last sampled token of one sample. A part without tokens is about a prompt
// that the cache has: only logits are wanted.
type Part struct {
	Group  *Group
	Seq    *Seq // nil: the prompt
	Tokens []int32
	Pos    int
	Blocks []*kv.Block
	// Wanted are the positions whose logits are wanted, rising: of Tokens, or
	// before Pos, where the blocks have hidden states.
	Wanted []int
}

// End is the position after the part's tokens.
func (p *Part) End() int { return p.Pos + len(p.Tokens) }

// Samples says whether the part's last logits are those that its group's
// samples begin with.
func (p *Part) Samples() bool {
	return p.Seq == nil && len(p.Wanted) > 0 && p.Wanted[len(p.Wanted)-1] == len(p.Group.Prompt)-1
}

// Plan returns the parts of the next step; none means that there is nothing to
// do. After it come Ran for each part that has gone through the model, then
// Append for each sample of a group whose part says Samples, and after a
// sample's part for that sample. A group of which a part has failed is
// cancelled then.
func (s *Scheduler) Plan() []Part {
	s.admit()
	s.start()
	parts := make([]Part, 0, len(s.running)+len(s.prefills))
	r := room{tokens: s.config.MaxTokens, unit: 1}
	if turn := s.turn(); len(turn) > 0 {
		r.tokens -= len(turn)
		r.unit, r.far = max(1, s.config.FarPosition), min(1, s.config.FarPosition)
		for _, q := range turn {
			p := s.decode(q)
			r.cost += r.of(p.Pos, 1)
			parts = append(parts, p)
		}
		r.cost = max(r.cost-r.cost/6, s.config.MinPrefill*r.unit)
	} else {
		r.cost = r.tokens
	}
	if s.config.MaxPrefill > 0 {
		r.tokens = min(r.tokens, s.config.MaxPrefill)
	}
	return append(parts, s.prefill(r)...)
}

// turn is the samples of the next step: all that run or, if these are more than
// MaxSamples, that many: of each session alike, of its groups alike, and in each
// group those that have waited longest. So no sample waits for another to end.
func (s *Scheduler) turn() []*Seq {
	most := s.config.MaxSamples
	if len(s.running) <= most {
		return s.running
	}
	inTurns(s.running, func(q *Seq) *Group { return q.Group })
	inTurns(s.running, func(q *Seq) *session { return q.Group.session })
	s.running = slices.Concat(s.running[most:], s.running[:most])
	return s.running[len(s.running)-most:]
}

// Ran says that p has gone through the model and that its hidden states are
// finite: others may use what it has left in its blocks.
func (s *Scheduler) Ran(p Part) {
	if p.Seq != nil {
		s.publish(p.Group.Key, p.Seq.blocks, p.Pos, p.End(), p.Seq.tokens)
		return
	}
	g := p.Group
	tokens := func(from, to int) []int32 { return g.Prompt[from:to] }
	s.publish(g.Key, g.blocks, p.Pos, p.End(), tokens)
	if p.End() == len(g.Prompt) {
		s.publishTail(g.Key, g.blocks, p.End(), tokens)
	}
}

// Append gives a sample its next token; last says that it is its last one.
func (s *Scheduler) Append(g *Group, sample int, token int32, last bool) {
	q := g.seqs[sample]
	q.Tokens = append(q.Tokens, token)
	if !last {
		return
	}
	s.publishTail(g.Key, q.blocks, len(g.Prompt)+len(q.Tokens)-1, q.tokens) // the last token has not run
	s.end(q)
	if g.unended == 0 {
		s.finish(g)
	}
}

// prefill plans the next parts of prompts.
func (s *Scheduler) prefill(r room) []Part {
	for _, g := range s.prefills { // all before any: none may follow what is not computed yet
		s.look(g)
	}
	s.share(&r)
	var parts []Part
	for _, g := range s.prefills {
		if g.planned > 0 {
			parts = append(parts, s.prefillPart(g, g.planned))
		}
	}
	s.prefills = slices.DeleteFunc(s.prefills, func(g *Group) bool { return g.state != prefilling })
	return parts
}

// prefillPart takes the next n of g's prompt: first logits of hidden states that
// the cache had, then tokens with theirs.
func (s *Scheduler) prefillPart(g *Group, n int) Part {
	p := Part{Group: g, Pos: g.prefilled}
	stored := min(n, g.stored())
	end := min(len(g.Prompt), g.prefilled+n-stored)
	visited := g.visited + stored
	if g.stored() == stored {
		visited = sort.SearchInts(g.Wanted, end)
	}
	p.Tokens = g.Prompt[g.prefilled:end]
	p.Wanted = g.Wanted[g.visited:visited]
	for len(g.blocks) < blocksFor(end) {
		g.blocks = append(g.blocks, s.pool.Alloc())
	}
	p.Blocks = g.blocks
	g.prefilled, g.visited = end, visited
	if visited == len(g.Wanted) {
		g.state = decoding
		s.decodes = append(s.decodes, g)
	}
	return p
}

// stored is how many of the wanted logits are next and of hidden states that
// are there.
func (g *Group) stored() int { return sort.SearchInts(g.Wanted, g.prefilled) - g.visited }

// left is how much of the prompt's work is left: hidden states that only need
// their logits, and tokens.
func (g *Group) left() int { return g.stored() + len(g.Prompt) - g.prefilled }

// start gives blocks to samples that have their first token, as long as memory
// and MaxSamples allow; each time to the session, and in it to the group, with
// the fewest running ones.
func (s *Scheduler) start() {
	for g := s.nextToStart(); g != nil; g = s.nextToStart() {
		q := g.seqs[g.next]
		if q.reserved == 0 {
			q.reserved = g.sampleBlocks()
			s.promise(g, q.reserved)
		}
		s.adopt(q)
		s.running = append(s.running, q)
	}
}

// nextToStart is the group whose next sample starts, nil if none can. Those
// whose sample has no memory yet stand back behind those where it has, or where
// there is enough.
func (s *Scheduler) nextToStart() (best *Group) {
	for _, g := range s.decodes {
		if g.next == len(g.seqs) || g.running == s.config.MaxSamples || best != nil && !g.fewer(best) {
			continue
		}
		if q := g.seqs[g.next]; q.reserved > 0 || s.waiting == 0 && s.reserved+g.sampleBlocks() <= s.pool.Capacity() {
			best = g
		}
	}
	return best
}

// fewer says whether g's session, or g in the same one, has fewer samples
// running than other's.
func (g *Group) fewer(other *Group) bool {
	if g.session != other.session {
		return g.session.running < other.session.running
	}
	return g.running < other.running
}

// adopt makes q a holder of the prompt's full blocks, with a copy of the one
// that is partly filled: a block that others see is never written. The last
// sample to start takes over the group's own hold.
func (s *Scheduler) adopt(q *Seq) {
	g := q.Group
	q.started = true
	g.running++
	g.session.running++
	g.skip()
	lastOne := g.next == len(g.seqs)
	for i, b := range g.blocks {
		switch filled := (i+1)*kv.BlockPositions <= len(g.Prompt); {
		case filled && lastOne:
			q.blocks = append(q.blocks, b)
		case filled:
			q.blocks = append(q.blocks, s.pool.Retain(b))
		case lastOne:
			q.blocks = append(q.blocks, s.pool.Writable(b))
		default:
			q.blocks = append(q.blocks, s.pool.Copy(b))
		}
	}
	if lastOne {
		g.blocks = nil
	}
}

// decode is q's next step: its last token, at the position after those before.
func (s *Scheduler) decode(q *Seq) Part {
	pos := len(q.Group.Prompt) + len(q.Tokens) - 1
	if len(q.blocks) < blocksFor(pos+1) {
		q.blocks = append(q.blocks, s.pool.Alloc())
	}
	q.wanted[0] = pos
	return Part{Group: q.Group, Seq: q, Tokens: q.Tokens[len(q.Tokens)-1:], Pos: pos, Blocks: q.blocks, Wanted: q.wanted[:]}
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
		g.session.running--
		i := slices.Index(s.running, q)
		s.running = slices.Delete(s.running, i, i+1)
	}
	g.skip()
	s.release(&q.blocks)
	if g.next < len(g.seqs) && g.seqs[g.next].reserved == 0 && g.running == 0 {
		g.seqs[g.next].reserved = q.reserved
	} else {
		s.promise(g, -q.reserved)
	}
	q.reserved = 0
}

// finish frees what the group itself holds and forgets it.
func (s *Scheduler) finish(g *Group) {
	s.release(&g.blocks)
	s.promise(g, -g.reserved)
	g.reserved = 0
	if i := slices.Index(g.session.waiting, g); i >= 0 {
		g.session.waiting = slices.Delete(g.session.waiting, i, i+1)
		s.waiting--
	}
	g.state = ended
	for _, list := range []*[]*Group{&s.prefills, &s.decodes} {
		if i := slices.Index(*list, g); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
		}
	}
	s.leave(g)
}

// release gives blocks back, the last one first: so the first ones, which more
// sequences begin with, are kept the longest.
func (s *Scheduler) release(blocks *[]*kv.Block) {
	for _, b := range slices.Backward(*blocks) {
		s.pool.Release(b)
	}
	*blocks = nil
}
