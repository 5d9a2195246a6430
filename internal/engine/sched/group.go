package sched

import "tinsmith.example/internal/engine/kv"

// A Group is a request as the scheduler sees it: one prompt, from which some
// samples grow. The prompt is prefilled once; the samples share the blocks that
// it fills and copy the last one if it is partly filled.
type Group struct {
	Prompt    []int32
	Samples   int  // at least 1
	MaxTokens int  // of each sample, at least 1
	AllLogits bool // the logits after every prompt token are wanted, not the last's alone

	state     groupState
	prefilled int         // prompt tokens that have gone through the model
	blocks    []*kv.Block // of the prompt, until the last sample has taken them over
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
	reserved int // blocks of its own, promised and taken
}

// promptBlocks is how many blocks the prompt takes.
func (g *Group) promptBlocks() int { return blocksFor(len(g.Prompt)) }

// sampleBlocks is how many blocks a sample takes besides those it shares: its
// last token never goes through the model.
func (g *Group) sampleBlocks() int {
	if g.MaxTokens == 1 {
		return 0
	}
	return blocksFor(len(g.Prompt)+g.MaxTokens-1) - len(g.Prompt)/BlockPositions
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

func blocksFor(positions int) int { return (positions + BlockPositions - 1) / BlockPositions }
