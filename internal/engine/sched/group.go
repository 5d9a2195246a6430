package sched

import "tinsmith.example/internal/engine/kv"

// A Group is a request as the scheduler sees it: one prompt, from which some
// samples grow. The prompt is prefilled once; the samples share the blocks that
// it fills and copy the last one if it is partly filled.
type Group struct {
	Prompt    []int32
	Samples   int // at least 1
	MaxTokens int // of each sample, at least 1
	// Wanted are the prompt positions whose logits are wanted, rising, the last
	// one len(Prompt)-1. nil: that one alone.
	Wanted  []int
	Session string // who asks: room is shared fairly between sessions
	Key     kv.Key // whose blocks it can use

	state     groupState
	session   *session
	arrival   int         // its number
	passed    int         // groups that were let in before it though they came later
	given     int         // prompt tokens, counted from what others had got when its prompt began
	planned   int         // of its left, what the step being planned takes
	prefilled int         // prompt tokens whose keys, values and hidden states are in blocks
	visited   int         // Wanted whose logits have been computed
	cached    int         // prompt tokens that were found in the cache
	computes  bool        // it has looked for its prompt in the cache and goes on by itself
	leader    *Group      // computes what g waits for; nil: none
	until     int         // how far the leader must have got, for all that both need to be in the cache
	blocks    []*kv.Block // of the prompt, until the last sample has started
	reserved  int         // blocks of the prompt, promised and taken
	seqs      []*Seq
	next      int // first sample that has neither started nor ended; Samples: none
	running   int // samples that have started and not ended
	unended   int // samples that have not ended
}

type groupState uint8

const (
	waiting    groupState = iota // for memory
	prefilling                   //
	decoding                     // from the first sampled tokens on
	ended                        // all samples ended, or cancelled
)

// Seq is one sample of a group.
type Seq struct {
	Group  *Group
	Index  int     // of the sample, from 0
	Tokens []int32 // sampled so far

	blocks   []*kv.Block
	started  bool // blocks are set
	ended    bool
	reserved int    // blocks of its own, promised and taken
	wanted   [1]int // of its next part
}

// Cached is how many leading tokens of the prompt were found in the cache: they
// did not go through the layers for this group. It is known once the first part
// of the prompt is planned.
func (g *Group) Cached() int { return g.cached }

// Tokens is what sample i of the group has got so far.
func (g *Group) Tokens(i int) []int32 { return g.seqs[i].Tokens }

// promptBlocks is how many blocks the prompt takes.
func (g *Group) promptBlocks() int { return blocksFor(len(g.Prompt)) }

// sampleBlocks is how many blocks a sample takes besides those it shares: its
// last token never goes through the model.
func (g *Group) sampleBlocks() int {
	if g.MaxTokens == 1 {
		return 0
	}
	return blocksFor(len(g.Prompt)+g.MaxTokens-1) - len(g.Prompt)/kv.BlockPositions
}

// skip moves next past samples that have started or ended.
func (g *Group) skip() {
	for g.next < len(g.seqs) && (g.seqs[g.next].started || g.seqs[g.next].ended) {
		g.next++
	}
}

// Need is the least number of blocks with which the group can run: the prompt
// and one sample at a time.
func (g *Group) Need() int { return g.promptBlocks() + g.sampleBlocks() }

// tokens are those of positions from to to-1 of a sample's sequence.
func (q *Seq) tokens(from, to int) []int32 {
	prompt := q.Group.Prompt
	if from >= len(prompt) {
		return q.Tokens[from-len(prompt) : to-len(prompt)]
	}
	list := append([]int32(nil), prompt[from:min(to, len(prompt))]...)
	return append(list, q.Tokens[:max(0, to-len(prompt))]...)
}

func blocksFor(positions int) int { return (positions + kv.BlockPositions - 1) / kv.BlockPositions }
