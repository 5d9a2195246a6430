package engine

import "tinsmith.example/internal/engine/sample"

// wanted are the prompt positions after which logits are needed: the last one,
// which the samples begin with, and each one before a token about which
// something is asked.
func wanted(r *Request) []int {
	var list []int
	last := len(r.Prompt) - 1
	for pos := range last {
		if r.PromptAltTokensK > 0 || r.scores(pos+1) || r.targets(pos+1) {
			list = append(list, pos)
		}
	}
	return append(list, last)
}

// scores says whether the log probability or the likeliest ids of prompt
// position pos are asked for.
func (r *Request) scores(pos int) bool {
	if n := r.PromptLogprobsLastN; n > 0 && pos < len(r.Prompt)-n {
		return false
	}
	return r.PromptLogprobs || r.TopKPromptLogprobs > 0
}

// targets says whether the log probability of any id of the caller's choice is
// asked for at prompt position pos.
func (r *Request) targets(pos int) bool {
	if r.TargetPromptTokens == nil {
		return false
	}
	for _, id := range r.TargetPromptTokens[pos-1] {
		if id >= 0 {
			return true
		}
	}
	return false
}

// score notes what row, the logits before prompt position pos, says of it.
func (c *call) score(row *sample.Row, pos int) {
	if c.req.scores(pos) {
		if c.req.PromptLogprobs {
			c.result.PromptLogprobs[pos] = row.Logprob(c.req.Prompt[pos])
		}
		if k := c.req.TopKPromptLogprobs; k > 0 {
			c.result.TopKPromptLogprobs[pos] = topK(row, k)
		}
	}
	if rows := c.req.TargetPromptTokens; rows != nil {
		for i, id := range rows[pos-1] {
			if id >= 0 {
				c.result.TargetPromptLogprobs[pos-1][i] = row.Logprob(id)
			}
		}
	}
	if k := c.req.PromptAltTokensK; k > 0 {
		drawn := make([]TokenLogprob, k)
		for i := range drawn {
			id := row.DrawAlternative(c.params.Temperature, c.params.Seed, uint32(i), uint32(pos))
			drawn[i] = TokenLogprob{ID: id, Logprob: row.Logprob(id)}
		}
		c.result.PromptAltTokens[pos-1] = drawn
	}
}

func topK(row *sample.Row, k int) []TokenLogprob {
	if k == 0 {
		return nil
	}
	return row.TopK(make([]TokenLogprob, 0, k), k)
}
