package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"tinsmith.example/internal/engine/model"
	"tinsmith.example/internal/engine/sample"
	"tinsmith.example/internal/engine/sched"
	"tinsmith.example/internal/tokenizer"
)

// loop is the state of the engine's goroutine.
type loop struct {
	runner    *model.Runner
	sched     *sched.Scheduler
	newSched  func() *sched.Scheduler // an empty one, for when the state of the last one is unknown
	tokenizer *tokenizer.Tokenizer
	calls     map[*sched.Group]*call
	rows      []sample.Row // one a worker
	onStep    func(StepStats)
	pace      pace
}

// serve is the loop: the only goroutine that touches scheduler, KV cache and
// runner, so that none of them needs a lock. It ends when ctx does, after
// failing what was still there.
func (e *Engine) serve(ctx context.Context) {
	l := &e.loop
	for ctx.Err() == nil {
		l.guarded(func() { l.accept(e.takeInbox()) })
		if l.sched.Idle() {
			select {
			case <-e.news:
			case <-ctx.Done():
			}
			continue
		}
		l.guarded(l.runStep)
	}
	l.guarded(func() { l.accept(e.takeInbox()) })
	l.guarded(func() { l.failAll(context.Cause(ctx)) })
}

// guarded does a part of the loop's work. If it panics, nothing is known of the
// scheduler's state any more: all that is there fails, and a new one takes over.
func (l *loop) guarded(work func()) {
	defer func() {
		if p := recover(); p != nil {
			l.sched = l.newSched()
			for group, c := range l.calls {
				delete(l.calls, group)
				c.finish(newPanicError(p))
			}
		}
	}()
	work()
}

// accept takes in what callers have asked.
func (l *loop) accept(in inbox) {
	for _, c := range in.submitted { // all before any, so that none is lost if one panics
		l.calls[c.group] = c
	}
	for _, c := range in.submitted {
		l.sched.Add(c.group)
	}
	for _, c := range in.withdrawn {
		if _, ok := l.calls[c.group]; ok {
			l.fail(c, errWithdrawn)
		}
	}
	l.tell(in.asked)
}

// errWithdrawn ends calls that nobody waits for.
var errWithdrawn = errors.New("engine: withdrawn")

// outcome is what one part of a step gave.
type outcome struct {
	samples []drawn // of the group's samples after the prompt, or of the one
	failed  atomic.Pointer[error]
}

// fail keeps the first error.
func (o *outcome) fail(err error) { o.failed.CompareAndSwap(nil, &err) }

// runStep plans and runs one step and hands its tokens on. What goes wrong in
// the part of one request fails that one.
func (l *loop) runStep() {
	started := time.Now()
	parts := l.sched.Plan()
	outcomes := l.run(parts)
	took := time.Since(started)
	l.pace.add(tokensOf(parts), took)
	if l.onStep != nil {
		l.onStep(statsOf(parts, took))
	}
	for i, p := range parts {
		if outcomes[i].failed.Load() == nil {
			l.sched.Ran(p)
			l.take(p, &outcomes[i])
		}
	}
	for i, p := range parts {
		if outcomes[i].failed.Load() == nil {
			l.apply(p, &outcomes[i])
		}
	}
	for i, p := range parts { // after all Appends, as Cancel asks
		if err := outcomes[i].failed.Load(); err != nil {
			l.fail(l.calls[p.Group], *err)
		}
	}
}

// run runs the parts through the model. If that panics nobody knows whose part it
// was, so each is run again by itself, with the same results.
func (l *loop) run(parts []sched.Part) []outcome {
	outcomes := make([]outcome, len(parts))
	if l.forward(parts, outcomes) == nil {
		return outcomes
	}
	outcomes = make([]outcome, len(parts))
	for i := range parts {
		if err := l.forward(parts[i:i+1], outcomes[i:i+1]); err != nil {
			outcomes[i].fail(err)
		}
	}
	return outcomes
}

// forward runs the parts through the model at once. A panic on the way becomes
// the error.
func (l *loop) forward(parts []sched.Part, outcomes []outcome) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = newPanicError(p)
		}
	}()
	chunks := make([]model.Chunk, len(parts))
	for i, p := range parts {
		chunks[i] = model.Chunk{Tokens: p.Tokens, Pos: p.Pos, Blocks: p.Blocks, Wanted: p.Wanted}
	}
	l.runner.Forward(chunks, func(worker, c, pos int, logits []float32) {
		defer func() {
			if p := recover(); p != nil {
				outcomes[c].fail(newPanicError(p))
			}
		}()
		l.visit(worker, parts[c], pos, logits, &outcomes[c])
	})
	for i, p := range parts {
		if !l.runner.Finite(i) {
			outcomes[i].fail(&NonFiniteError{Position: p.End() - 1})
		}
	}
	return nil
}

// visit turns the logits after a position of a part's sequence into what was
// asked: the next prompt token's log probability, or sampled tokens. It runs on
// several workers at once; each writes what belongs to its own position only,
// and only a part's last position writes its outcome. logits nil: the model's
// state is not finite.
func (l *loop) visit(worker int, p sched.Part, pos int, logits []float32, out *outcome) {
	c, row := l.calls[p.Group], &l.rows[worker]
	if logits == nil || row.Reset(logits) != nil {
		out.fail(&NonFiniteError{Position: pos})
		return
	}
	if next := pos + 1; next < len(c.req.Prompt) {
		c.score(row, next)
		return
	}
	top := topK(row, c.req.TopKSampleLogprobs) // of the row: the same for all samples
	if p.Seq != nil {
		out.samples = []drawn{c.draw(row, p.Seq.Index, len(p.Seq.Tokens), top)}
		return
	}
	out.samples = make([]drawn, c.req.NumSamples)
	for k := range out.samples {
		out.samples[k] = c.draw(row, k, 0, top)
	}
}

// take gives a part's tokens to the samples of its call.
func (l *loop) take(p sched.Part, out *outcome) {
	defer func() {
		if p := recover(); p != nil {
			out.fail(newPanicError(p))
		}
	}()
	c := l.calls[p.Group]
	for i := range out.samples {
		d := &out.samples[i]
		var piece []byte
		if c.stops.HasTexts() {
			piece = l.tokenizer.TokenBytes(d.id)
		}
		d.last = c.add(sampleIndex(p, i), *d, piece)
	}
}

// apply hands a part's tokens to the scheduler, and ends the call with its last
// sample.
func (l *loop) apply(p sched.Part, out *outcome) {
	c := l.calls[p.Group]
	for i, d := range out.samples {
		l.sched.Append(p.Group, sampleIndex(p, i), d.id, d.last)
		if d.last {
			c.live--
		}
	}
	if c.live == 0 {
		delete(l.calls, c.group)
		c.finish(nil)
	}
}

// sampleIndex is which sample of its group the i-th one of a part is.
func sampleIndex(p sched.Part, i int) int {
	if p.Seq != nil {
		return p.Seq.Index
	}
	return i
}

// fail ends a call with an error, if it has not ended, and frees what it holds.
func (l *loop) fail(c *call, err error) {
	if c == nil || l.calls[c.group] != c {
		return
	}
	l.sched.Cancel(c.group)
	delete(l.calls, c.group)
	c.finish(err)
}

func (l *loop) failAll(err error) {
	for _, c := range slices.Collect(maps.Values(l.calls)) {
		l.fail(c, err)
	}
}
