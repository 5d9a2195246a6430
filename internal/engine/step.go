package engine

import (
	"time"

	"tinsmith.example/internal/engine/kv"
	"tinsmith.example/internal/engine/model"
	"tinsmith.example/internal/engine/sched"
)

// Work is what a step of a model costs.
type Work = model.Work

// StepStats says what one step of the engine did.
type StepStats struct {
	Tokens       int           // that went through the model: its rows
	PromptTokens int           // of these, tokens of prompts
	Logits       int           // rows whose logits were wanted
	Seen         int64         // positions that the rows see, added up
	Blocks       int           // of the KV cache that the rows see, each counted once
	Duration     time.Duration // from planning it to its last sample
}

// tokensOf is how many tokens of the parts go through the model.
func tokensOf(parts []sched.Part) int {
	n := 0
	for _, p := range parts {
		n += len(p.Tokens)
	}
	return n
}

func statsOf(parts []sched.Part, took time.Duration) StepStats {
	s := StepStats{Duration: took}
	seen := map[*kv.Block]struct{}{} // sequences with one prompt share its blocks
	for _, p := range parts {
		n := len(p.Tokens)
		s.Tokens += n
		if p.Seq == nil {
			s.PromptTokens += n
		}
		s.Logits += len(p.Wanted)
		s.Seen += int64(n)*int64(p.Pos) + int64(n)*int64(n+1)/2
		if n == 0 {
			continue // only logits, of hidden states that are kept
		}
		for _, b := range p.Blocks[:(p.Pos+n-1)/kv.BlockPositions+1] {
			seen[b] = struct{}{}
		}
	}
	s.Blocks = len(seen)
	return s
}
