package sched

import "cmp"

// room is what a step has left for prompts: so many tokens, and what they may
// cost. A token at position p costs unit + far*p.
type room struct {
	tokens int
	cost   int
	unit   int
	far    int
}

// of is what n tokens from position pos on cost.
func (r *room) of(pos, n int) int { return n*(r.unit+r.far*pos) + r.far*n*(n-1)/2 }

// within is how many tokens from position pos on cost at most so much.
func (r *room) within(pos, cost int) int {
	n := cost / (r.unit + r.far*pos) // too many
	for n > 0 && r.of(pos, n) > cost {
		n -= max(1, (r.of(pos, n)-cost)/(r.unit+r.far*(pos+n)))
	}
	return max(n, 0)
}

// quantum is how many tokens a group gets at a time, if there is room and it has
// so many left: with fewer, attention would read a sequence's keys and values
// for less than it can.
const quantum = 16

// share says how much each group gets: its planned. Quantum by quantum it is the
// turn of the session that has got the least so far, and of it of the group that
// has.
func (s *Scheduler) share(r *room) {
	for _, g := range s.prefills {
		g.planned = 0
	}
	for any := false; r.tokens > 0 && r.cost > 0; any = true {
		g, to := s.neediest()
		if g == nil {
			break
		}
		n := r.give(to)
		if n == 0 && any {
			break
		}
		if n == 0 { // one, however dear it is, so that it goes on
			n, r.cost = 1, 0
		}
		to.planned += n
		s.charge(g, n)
	}
}

// neediest is whose turn it is, and which group gets it; nil if no turn is of
// use to anybody.
func (s *Scheduler) neediest() (best, to *Group) {
	for _, g := range s.prefills {
		if best == nil || cmp.Or(g.session.given-best.session.given, g.given-best.given) < 0 {
			if user := g.turnOf(); user != nil {
				best, to = g, user
			}
		}
	}
	return best, to
}

// turnOf is which group gets g's turns: g or, while it waits, the one of another
// session that computes what it waits for. So that one need not come up in its
// own session first, and g waits no longer than if it computed the same itself.
// (One of g's session comes up as often as g would.) nil: no group has anything
// left to do in this step that would be of use to g.
func (g *Group) turnOf() *Group {
	to := g
	for ; !to.computes; to = to.leader {
		if to.leader.plannedEnd() >= to.until {
			return nil
		}
	}
	if to.planned == to.left() || to != g && to.session == g.session {
		return nil
	}
	return to
}

// plannedEnd is how far g's prompt will be when the step has run.
func (g *Group) plannedEnd() int { return g.prefilled + max(0, g.planned-g.stored()) }

// give takes from the room what g gets next, and returns how much that is.
func (r *room) give(g *Group) (n int) {
	if stored := g.stored() - g.planned; stored > 0 { // these take the output layer alone
		n = min(quantum, stored, r.tokens, r.cost/r.unit)
		r.cost -= n * r.unit
	} else {
		pos := g.plannedEnd()
		n = min(quantum, g.left()-g.planned, r.tokens, r.within(pos, r.cost))
		r.cost -= r.of(pos, n)
	}
	r.tokens -= n
	return n
}
