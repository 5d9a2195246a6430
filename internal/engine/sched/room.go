package sched

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

// shares says how much each group gets: sessions alike, and the groups of each
// alike, at least one token each while there is room, in their order. So a long
// prompt does not hold up those behind it. What one leaves over goes to the
// others, again in their order.
func (r *room) shares(groups []*Group) []int {
	got := make([]int, len(groups))
	bySession := map[*session][]int{}
	var order []*session
	for i, g := range groups {
		if bySession[g.session] == nil {
			order = append(order, g.session)
		}
		bySession[g.session] = append(bySession[g.session], i)
	}
	for k, x := range order {
		share := r.cost / (len(order) - k)
		for j, i := range bySession[x] {
			if share <= 0 {
				break
			}
			share -= r.give(groups[i], &got[i], share/(len(bySession[x])-j))
		}
	}
	for i, g := range groups {
		r.give(g, &got[i], r.cost)
	}
	return got
}

// give adds to what g gets: as much as so much pays for, at least one in all if
// there is any room, at most all that is left of g. It returns what that costs.
func (r *room) give(g *Group, got *int, cost int) (paid int) {
	if r.cost <= 0 {
		return 0
	}
	least := 1 - min(*got, 1)
	n := min(g.stored()-*got, r.tokens, max(least, cost/r.unit)) // these take the output layer alone
	if n > 0 {
		least = 0
		paid = n * r.unit
		r.tokens -= n
		*got += n
	}
	pos := g.prefilled + *got - g.stored()
	if n = min(g.left()-*got, r.tokens, max(least, r.within(pos, cost-paid))); *got >= g.stored() && n > 0 {
		paid += r.of(pos, n)
		r.tokens -= n
		*got += n
	}
	r.cost -= paid
	return paid
}
