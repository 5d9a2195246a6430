package sched

import (
	"cmp"
	"slices"
)

// session is what the groups of one Session have together.
type session struct {
	name     string
	groups   int      // that have not ended
	waiting  []*Group // in order of arrival
	reserved int      // blocks promised to its groups
	running  int      // samples that have started and not ended
	given    int      // prompt tokens, counted from what others had got when its prompts began
	served   int      // the most that given of a group of it has been
}

// maxPassed is how many groups that fit are let in before one that does not.
// Then all wait for it: a large request waits for memory, but not for ever.
const maxPassed = 16

// join finds or makes g's session.
func (s *Scheduler) join(g *Group) {
	i := slices.IndexFunc(s.sessions, func(x *session) bool { return x.name == g.Session })
	if i < 0 {
		i = len(s.sessions)
		s.sessions = append(s.sessions, &session{name: g.Session})
	}
	g.session = s.sessions[i]
	g.session.groups++
}

// leave forgets g's session with its last group.
func (s *Scheduler) leave(g *Group) {
	if g.session.groups--; g.session.groups == 0 {
		i := slices.Index(s.sessions, g.session)
		s.sessions = slices.Delete(s.sessions, i, i+1)
	}
}

// promise reserves n more blocks for g; less, if n is negative.
func (s *Scheduler) promise(g *Group, n int) {
	s.reserved += n
	g.session.reserved += n
}

// admit lets waiting groups in, as long as their prompt and one sample fit
// beside what is promised already.
func (s *Scheduler) admit() {
	for g := s.nextToAdmit(); g != nil; g = s.nextToAdmit() {
		i := slices.Index(g.session.waiting, g)
		g.session.waiting = slices.Delete(g.session.waiting, i, i+1)
		s.waiting--
		g.reserved = g.promptBlocks()
		g.seqs[0].reserved = g.sampleBlocks()
		s.promise(g, g.reserved+g.seqs[0].reserved)
		g.state = prefilling
		s.queue(g)
		s.prefills = append(s.prefills, g)
	}
}

// queue puts g behind what the others of its session have got and, if it is the
// only one, its session behind what other sessions have: whoever goes away and
// comes back is ahead of nobody that was there all the time, and what a session
// did not use while it had no prompts is gone.
func (s *Scheduler) queue(g *Group) {
	x := g.session
	if !slices.ContainsFunc(s.prefills, func(other *Group) bool { return other.session == x }) {
		x.given = s.served
	}
	g.given = x.served
}

// charge counts n tokens as given to g.
func (s *Scheduler) charge(g *Group, n int) {
	x := g.session
	g.given += n
	x.given += n
	x.served = max(x.served, g.given)
	s.served = max(s.served, x.given)
}

// nextToAdmit is the oldest group of the session that has the least memory or,
// if that does not fit, of the next session. One that has been passed so often
// that it is no longer is the next, fit or not.
func (s *Scheduler) nextToAdmit() *Group {
	if s.waiting == 0 {
		return nil
	}
	var heads []*Group
	for _, x := range s.sessions {
		if len(x.waiting) > 0 {
			heads = append(heads, x.waiting[0])
		}
	}
	slices.SortFunc(heads, func(a, b *Group) int {
		if a.passed == maxPassed || b.passed == maxPassed {
			return cmp.Or(b.passed/maxPassed-a.passed/maxPassed, a.arrival-b.arrival)
		}
		return cmp.Or(a.session.reserved-b.session.reserved, a.arrival-b.arrival)
	})
	for i, g := range heads {
		if s.reserved+g.Need() <= s.pool.Capacity() {
			for _, other := range heads[:i] {
				other.passed++
			}
			return g
		}
		if g.passed == maxPassed {
			break
		}
	}
	return nil
}

// inTurns orders a list so that keys take turns, each key's elements in their
// order.
func inTurns[T any, K comparable](list []T, key func(T) K) {
	count := map[K]int{}
	type ranked struct {
		element T
		rank    int // among those of its key
	}
	all := make([]ranked, len(list))
	for i, e := range list {
		k := key(e)
		all[i] = ranked{e, count[k]}
		count[k]++
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return a.rank - b.rank })
	for i, r := range all {
		list[i] = r.element
	}
}
