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
	given    int      // prompt tokens, counted from what others had got when it came
}

// maxPassed is how many groups that fit are let in before one that does not.
// Then all wait for it: a large request waits for memory, but not for ever.
const maxPassed = 16

// join finds or makes g's session.
func (s *Scheduler) join(g *Group) {
	i := slices.IndexFunc(s.sessions, func(x *session) bool { return x.name == g.Session })
	if i < 0 {
		i = len(s.sessions)
		x := &session{name: g.Session}
		for k, other := range s.sessions {
			if k == 0 || other.given < x.given {
				x.given = other.given
			}
		}
		s.sessions = append(s.sessions, x)
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
		g.given = s.leastGiven(g.session)
		s.prefills = append(s.prefills, g)
	}
}

// leastGiven is the least that a group of x whose prompt is being prefilled has
// got: where a new one starts, so that it is neither ahead nor behind.
func (s *Scheduler) leastGiven(x *session) (least int) {
	first := true
	for _, g := range s.prefills {
		if g.session == x && (first || g.given < least) {
			least, first = g.given, false
		}
	}
	return least
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
