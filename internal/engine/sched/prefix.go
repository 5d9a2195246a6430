package sched

import "tinsmith.example/internal/engine/kv"

// minGain is how many tokens a group must be spared for it to wait for another
// one to compute them.
const minGain = kv.BlockPositions / 2

// look decides whether g computes its prompt from here on. It takes from the
// cache what is there. If a group that was let in before is going to compute more
// of the same prompt, g waits and takes that, too: of groups that come together
// with one prompt, one computes it. If that is of another session, it has g's
// turns meanwhile.
func (s *Scheduler) look(g *Group) {
	if g.computes || g.leader != nil && g.leader.state == prefilling && g.leader.prefilled < g.until {
		return
	}
	if !s.config.NoCache {
		s.adoptCached(g)
		if s.follow(g) {
			return
		}
		s.adoptTail(g)
		g.cached = g.prefilled
	}
	g.computes = true
}

// adoptCached makes g a holder of the full blocks that the cache has of its
// prompt.
func (s *Scheduler) adoptCached(g *Group) {
	for g.prefilled+kv.BlockPositions <= len(g.Prompt) {
		b := s.pool.Find(g.Key, last(g.blocks), g.Prompt[g.prefilled:g.prefilled+kv.BlockPositions])
		if b == nil {
			return
		}
		g.blocks = append(g.blocks, b)
		g.prefilled += kv.BlockPositions
	}
}

// adoptTail takes what the cache has of g's next block. g holds the block
// itself if it will not write to it, and else one of its own.
func (s *Scheduler) adoptTail(g *Group) {
	rest := g.Prompt[g.prefilled:min(len(g.Prompt), g.prefilled+kv.BlockPositions)]
	b, n := s.pool.Longest(g.Key, last(g.blocks), rest)
	if b == nil {
		return
	}
	if g.prefilled+n < len(g.Prompt) {
		b = s.pool.Writable(b)
	}
	g.blocks = append(g.blocks, b)
	g.prefilled += n
}

// follow looks for the group that is going to compute the most that g could
// use, and says whether there is one.
func (s *Scheduler) follow(g *Group) bool {
	g.leader, g.until = nil, 0
	least := g.prefilled + max(1, min(minGain, len(g.Prompt)-g.prefilled))
	for _, other := range s.prefills {
		if other == g {
			break
		}
		if other.Key == g.Key && other.state == prefilling {
			n := kv.CommonPrefix(other.Prompt, g.Prompt)
			if there := min(len(other.Prompt), blocksFor(n)*kv.BlockPositions); n >= least && there > g.until && other.prefilled < there {
				g.leader, g.until = other, there
			}
		}
	}
	return g.leader != nil
}

// publish lets others find the blocks of a sequence that have become full
// between its positions from and to. tokens gives those of positions.
func (s *Scheduler) publish(key kv.Key, blocks []*kv.Block, from, to int, tokens func(from, to int) []int32) {
	if s.config.NoCache {
		return
	}
	for i := from / kv.BlockPositions; (i+1)*kv.BlockPositions <= to; i++ {
		blocks[i] = s.pool.Publish(key, last(blocks[:i]), blocks[i], tokens(i*kv.BlockPositions, (i+1)*kv.BlockPositions))
	}
}

// publishTail does the same for the last block, if it is partly filled, when
// nobody is going to write to it any more.
func (s *Scheduler) publishTail(key kv.Key, blocks []*kv.Block, end int, tokens func(from, to int) []int32) {
	i := end / kv.BlockPositions
	if s.config.NoCache || end%kv.BlockPositions == 0 || i >= len(blocks) {
		return
	}
	blocks[i] = s.pool.Publish(key, last(blocks[:i]), blocks[i], tokens(i*kv.BlockPositions, end))
}

// last is the last block, nil if there is none.
func last(blocks []*kv.Block) *kv.Block {
	if len(blocks) == 0 {
		return nil
	}
	return blocks[len(blocks)-1]
}
