package bench

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"time"

	"tinsmith.example/internal/engine"
)

// Counts say how the requests of study mixed ended.
type Counts struct {
	Started   int `json:"started"`
	Finished  int `json:"finished"`
	Cancelled int `json:"cancelled"` // by their own client
	Failed    int `json:"failed"`
	Lost      int `json:"lost"` // no answer came, or one that lacks tokens
}

var (
	errGone  = errors.New("the client has gone away")
	errStall = errors.New("no answer came")
)

// clients take requests of a mix one after the other, each client the next one.
type clients struct {
	engine *engine.Engine
	mix    *mix

	mu      sync.Mutex
	counts  Counts // Lost is set at the end
	failure error  // the first one
	shape   shape  // of what finished
	kept    keep
}

// work is one client: it starts requests until enough ends, and sees the last
// one through until ctx ends.
func (c *clients) work(ctx, enough context.Context) {
	for enough.Err() == nil && ctx.Err() == nil {
		c.one(ctx)
	}
}

func (c *clients) one(ctx context.Context) {
	c.mu.Lock()
	i := c.counts.Started
	c.counts.Started++
	c.mu.Unlock()
	q := c.mix.request(i)
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if q.cancelAfter > 0 {
		defer time.AfterFunc(q.cancelAfter, func() { cancel(errGone) }).Stop()
	}
	result, err := c.engine.Sample(own, &q.Request)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, errGone):
		c.counts.Cancelled++
	case err != nil && ctx.Err() != nil: // lost, or all is over
	case err != nil:
		c.counts.Failed++
		if c.failure == nil {
			c.failure = err
		}
	case whole(&q.Request, result): // else it is lost
		c.counts.Finished++
		c.shape.add(&q.Request, result)
		c.kept.add(answer{i, digest(result)})
	}
}

// now is how the requests stand.
func (c *clients) now() (Counts, shape) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts, c.shape
}

// whole says whether a result has all that was asked for.
func whole(q *engine.Request, r *engine.Result) bool {
	if len(r.Sequences) != q.NumSamples || q.PromptLogprobs != (len(r.PromptLogprobs) == len(q.Prompt)) {
		return false
	}
	for _, s := range r.Sequences {
		if len(s.Tokens) != q.MaxTokens || len(s.Logprobs) != q.MaxTokens {
			return false
		}
	}
	return true
}

// An answer is what came of the i-th request.
type answer struct {
	i      int
	digest [sha256.Size]byte
}

// digest is of all tokens of a result and of all bits of its log probabilities.
func digest(r *engine.Result) [sha256.Size]byte {
	var b []byte
	word := func(x uint32) { b = binary.LittleEndian.AppendUint32(b, x) }
	floats := func(x []float32) {
		word(uint32(len(x)))
		for _, f := range x {
			word(math.Float32bits(f))
		}
	}
	floats(r.PromptLogprobs)
	for _, s := range r.Sequences {
		word(uint32(len(s.Tokens)))
		for _, id := range s.Tokens {
			word(uint32(id))
		}
		floats(s.Logprobs)
	}
	return sha256.Sum256(b)
}

const (
	keepEvery = 4  // at first
	keepMost  = 64 // answers
)

// keep keeps one answer in some number. Whenever it has too many it drops every
// other one and keeps half as many from then on: in the end few, from all of the
// time.
type keep struct {
	every   int // 0: keepEvery
	seen    int
	answers []answer
}

func (k *keep) add(a answer) {
	if k.every == 0 {
		k.every = keepEvery
	}
	k.seen++
	if (k.seen-1)%k.every != 0 {
		return
	}
	if len(k.answers) == keepMost {
		for i := range keepMost / 2 {
			k.answers[i] = k.answers[2*i]
		}
		k.answers = k.answers[:keepMost/2]
		k.every *= 2
	}
	k.answers = append(k.answers, a)
}
