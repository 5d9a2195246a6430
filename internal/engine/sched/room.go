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

// shares says how much each group gets. Quantum by quantum the session is served
// that has got the least so far, and of it the group that has.
func (s *Scheduler) shares(r *room, groups []*Group) []int {
	got := make([]int, len(groups))
	for any := false; r.tokens > 0 && r.cost > 0; any = true {
		i := neediest(groups, got)
		if i < 0 {
			break
		}
		n := r.give(groups[i], got[i])
		if n == 0 && any {
			break
		}
		if n == 0 { // one, however dear it is, so that it goes on
			n, r.cost = 1, 0
		}
		got[i] += n
		s.charge(groups[i], n)
	}
	return got
}

// neediest is which group is served next, -1 if none has anything left.
func neediest(groups []*Group, got []int) int {
	best := -1
	for i, g := range groups {
		if got[i] == g.left() {
			continue
		}
		if best < 0 || cmp.Or(g.session.given-groups[best].session.given, g.given-groups[best].given) < 0 {
			best = i
		}
	}
	return best
}

// give takes from the room what g gets next, which has got so much in this step
// already, and returns how much that is.
func (r *room) give(g *Group, got int) (n int) {
	if stored := g.stored() - got; stored > 0 { // these take the output layer alone
		n = min(quantum, stored, r.tokens, r.cost/r.unit)
		r.cost -= n * r.unit
	} else {
		pos := g.prefilled + got - g.stored()
		n = min(quantum, g.left()-got, r.tokens, r.within(pos, r.cost))
		r.cost -= r.of(pos, n)
	}
	r.tokens -= n
	return n
}
