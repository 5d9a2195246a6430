package engine

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"slices"

	"tinsmith.example/internal/engine/kv"
	"tinsmith.example/internal/engine/sample"
	"tinsmith.example/internal/engine/sched"
)

// A call is a request on its way through the loop. Only the loop touches it
// until done is closed; after that result and err do not change.
type call struct {
	of     *Request // what Sample was called with, only to be told apart by
	req    Request  // a copy: a withdrawn call may outlive Sample by a step
	params sample.Params
	group  *sched.Group
	result *Result
	stops  *sample.Stops
	ends   []*sample.StopMatcher // by sample
	live   int                   // samples that have not ended
	done   chan struct{}
	err    error
}

func newCall(r *Request, info Info, maxTokens int) (*call, error) {
	stops, err := newStops(r, info.EOS)
	if err != nil {
		return nil, err
	}
	prompt := slices.Clone(r.Prompt)
	c := &call{
		of:    r,
		req:   *r,
		stops: stops,
		ends:  make([]*sample.StopMatcher, r.NumSamples),
		live:  r.NumSamples,
		done:  make(chan struct{}),
		group: &sched.Group{
			Prompt:    prompt,
			Samples:   r.NumSamples,
			MaxTokens: maxTokens,
			Wanted:    wanted(r),
			Session:   r.Session,
			Key:       kv.Key{Tenant: r.Tenant},
		},
		result: newResult(r),
	}
	c.req.Prompt = prompt
	c.req.TargetPromptTokens = cloneRows(r.TargetPromptTokens)
	c.params = sample.Params{Temperature: r.Temperature, TopK: r.TopK, TopP: r.TopP, MinP: r.MinP, Seed: c.result.Seed}
	for i := range c.ends {
		c.ends[i] = stops.Matcher()
	}
	return c, nil
}

// newResult is the result of r before anything is known, its seed apart.
func newResult(r *Request) *Result {
	res := &Result{Sequences: make([]Sequence, r.NumSamples), Seed: seedOf(r)}
	if r.PromptLogprobs {
		res.PromptLogprobs = make([]float32, len(r.Prompt))
		for i := range res.PromptLogprobs {
			res.PromptLogprobs[i] = float32(math.NaN())
		}
	}
	if r.TopKPromptLogprobs > 0 {
		res.TopKPromptLogprobs = make([][]TokenLogprob, len(r.Prompt))
	}
	if r.TargetPromptTokens != nil {
		res.TargetPromptLogprobs = make([][]float32, len(r.TargetPromptTokens))
		for i, row := range r.TargetPromptTokens {
			res.TargetPromptLogprobs[i] = make([]float32, len(row))
		}
	}
	if r.PromptAltTokensK > 0 {
		res.PromptAltTokens = make([][]TokenLogprob, len(r.Prompt)-1)
	}
	return res
}

func cloneRows(rows [][]int32) [][]int32 {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i] = slices.Clone(rows[i])
	}
	return rows
}

// newStops are the ids and texts that end the request's samples.
func newStops(r *Request, eos []int32) (*sample.Stops, error) {
	tokens := r.Stop.Tokens
	if !r.Stop.IgnoreEOS {
		tokens = slices.Concat(tokens, eos)
	}
	return sample.NewStops(tokens, r.Stop.Strings)
}

// seedOf is the request's seed, or a drawn one.
func seedOf(r *Request) uint64 {
	if r.Seed != nil {
		return *r.Seed
	}
	var b [8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return binary.LittleEndian.Uint64(b[:])
}

// drawn is what the model and the sampler say of one position of one sample.
type drawn struct {
	id      int32
	logprob float32
	topK    []TokenLogprob
	last    bool // it ends its sample
}

// draw is the token of one sample at one position, counted from its first, from
// the logits in row, whose likeliest ids are top.
func (c *call) draw(row *sample.Row, index, position int, top []TokenLogprob) drawn {
	id := row.Draw(c.params, uint32(index), uint32(position))
	return drawn{id: id, logprob: row.Logprob(id), topK: top}
}

// add appends a drawn token to a sample and says whether it was the last. piece
// is the token's bytes; it may be nil if there are no stop strings.
func (c *call) add(i int, d drawn, piece []byte) (last bool) {
	q := &c.result.Sequences[i]
	q.Tokens = append(q.Tokens, d.id)
	q.Logprobs = append(q.Logprobs, d.logprob)
	if c.req.TopKSampleLogprobs > 0 {
		q.TopK = append(q.TopK, d.topK)
	}
	if c.ends[i].Token(d.id, piece) {
		q.Stop = StopStop
		return true
	}
	return len(q.Tokens) == c.group.MaxTokens
}

// finish ends the call; err nil: with its result.
func (c *call) finish(err error) {
	if err != nil {
		c.result, c.err = nil, err
	} else {
		c.result.CacheHitTokens = c.group.Cached()
	}
	close(c.done)
}
