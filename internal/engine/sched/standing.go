package sched

import "slices"

// A Standing is how far a group is, and about how much lies between now and its
// end: at most as much, if nothing else comes, and if memory is shared as it is
// now. Samples that end before MaxTokens make it less.
type Standing struct {
	Running int // groups that have been let in
	Waiting int // groups that wait for memory
	Before  int // of these, those that come before it; 0 and In unset: it is the next one
	In      bool
	Prompt  int // tokens of its prompt that are done
	Sampled int // tokens that its samples have, all together
	Tokens  int // that go through the model before its samples begin, others' included
	Steps   int // that its samples take then
}

// A Load is what all groups have left. It holds until the next Plan, Add or
// Cancel.
type Load struct {
	prompts int // tokens of the prompts that have been let in
	running int // tokens of these groups' samples
	waiting int // tokens of the groups that wait
}

// Load adds up what there is to do.
func (s *Scheduler) Load() Load {
	var l Load
	for _, g := range s.prefills {
		l.prompts += g.left()
		l.running += g.samplesLeft()
	}
	for _, g := range s.decodes {
		l.running += g.samplesLeft()
	}
	for _, x := range s.sessions {
		for _, g := range x.waiting {
			l.waiting += len(g.Prompt) + g.samplesLeft()
		}
	}
	return l
}

// Standing says where g is, which has been added and has not ended.
func (s *Scheduler) Standing(g *Group, l Load) Standing {
	st := Standing{
		Running: len(s.prefills) + len(s.decodes),
		Waiting: s.waiting,
		In:      g.state != waiting,
		Prompt:  g.prefilled,
		Steps:   g.steps() * s.turns(),
	}
	for _, q := range g.seqs {
		st.Sampled += len(q.Tokens)
	}
	switch g.state {
	case waiting:
		st.Before = s.before(g)
		st.Tokens = l.prompts + l.running + l.waiting*st.Before/s.waiting + len(g.Prompt)
	case prefilling:
		st.Tokens = l.prompts
	}
	return st
}

// before is how many of those that wait are let in before g, when sessions take
// turns and each keeps its order.
func (s *Scheduler) before(g *Group) int {
	queue := g.session.waiting
	rank, _ := slices.BinarySearchFunc(queue, g.arrival, func(other *Group, arrival int) int { return other.arrival - arrival })
	n := rank
	for _, x := range s.sessions {
		if x == g.session || len(x.waiting) == 0 {
			continue
		}
		turns := rank
		if x.waiting[0].arrival < queue[0].arrival {
			turns++
		}
		n += min(turns, len(x.waiting))
	}
	return n
}

// turns is over how many steps the running samples are spread.
func (s *Scheduler) turns() int {
	return max(1, (len(s.running)+s.config.MaxSamples-1)/s.config.MaxSamples)
}

// samplesLeft is how many tokens the group's samples may still get. They are
// not looked at one by one: of those that have not ended nearly all have equally
// many.
func (g *Group) samplesLeft() int {
	if g.state == waiting || g.state == prefilling {
		return g.Samples * g.MaxTokens
	}
	return g.unended * g.longestLeft()
}

// longestLeft is the most tokens that a sample may still get.
func (g *Group) longestLeft() int {
	least := g.MaxTokens
	for _, q := range g.seqs {
		if !q.ended {
			least = min(least, len(q.Tokens))
		}
	}
	return g.MaxTokens - least
}

// steps is how many steps the group's samples take, each with a token of every
// sample for which there is memory; before they begin, as if there were for all.
func (g *Group) steps() int {
	left := g.longestLeft()
	if g.state != decoding || g.running == 0 {
		return left
	}
	return left * ((g.unended + g.running - 1) / g.running)
}
