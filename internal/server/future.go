package server

import (
	"container/list"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// A future is one sample that was asked for: in work, or done and kept until it
// has been fetched.
type future struct {
	sampler *sampler
	owner   *account
	seq     int64
	job     job
	cancel  context.CancelCauseFunc

	done   chan struct{} // closed once answer is set, which then never changes
	answer answer

	// Guarded by the registry's mutex.
	cancelled  bool          // by the client: nobody will fetch the answer
	dropped    bool          // its session has ended, or its answer was forgotten
	place      *list.Element // on the shelf; nil if not there
	delivered  bool          // which list of the shelf that is in
	expiry     *time.Timer   // set once delivered
	completion *list.Element // in its clone's log; nil if not there
}

// A job is what makes a future.
type job struct {
	digest      [32]byte // of the request, to tell a resubmission from another one
	bodyBytes   int64
	resultBytes int64 // that keeping its result may take
	numSamples  int
	asked       *wire.SampleRequest          // for a receipt; kept with the answer, nil if that is a failure
	request     *engine.Request              // what run asks of the backend; nil when it is done
	run         func(context.Context) answer // nil for what is not to be started
}

// An answer is a sample's result in its binary form, or else its failure.
type answer struct {
	binary  []byte
	seed    uint64 // that was used
	failure *wire.FailedFuture
}

// keptBytes is what keeping an answer takes beside its own bytes, for the future,
// its context and timer, its places in the sampler and on the shelf, with room
// for the collector. For a sample of one token it is nearly everything.
const keptBytes = 2 << 10

// size is how much memory it takes to keep the answer of f, with what a receipt
// of it needs.
func (f *future) size() int64 {
	if f.answer.failure != nil {
		return keptBytes + int64(len(f.answer.failure.Error))
	}
	return keptBytes + int64(len(f.answer.binary)) + askedBytes(f.job.asked)
}

// requestID is how clients name a sample: its identity, so that a resubmission
// gets the same without anything being kept for it.
func requestID(samplerID string, seq int64) string {
	return samplerID + ":" + strconv.FormatInt(seq, 10)
}

func promise(samplerID string, seq int64, numSamples int) *wire.Promise {
	p := &wire.Promise{RequestID: requestID(samplerID, seq)}
	for i := range numSamples {
		p.SampleSequenceIDs = append(p.SampleSequenceIDs, fmt.Sprintf("%s:%d", p.RequestID, i))
	}
	return p
}

// known returns the promise of a sample that was submitted before, and nil if
// seq is new. 422 says that it was another request.
func (g *registry) known(p *sampler, seq int64, j job) (*wire.Promise, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.findKnown(p, seq, j)
}

func (g *registry) findKnown(p *sampler, seq int64, j job) (*wire.Promise, error) {
	if g.samplers[p.id] != p {
		_, err := g.findSampler(p.id)
		return nil, err
	}
	if f, ok := p.futures[seq]; ok {
		if f.job.digest != j.digest {
			return nil, refuse(wire.StatusConflict, "seq_id %d of this sampling session is already another request", seq)
		}
		g.repeated++
		return promise(p.id, seq, j.numSamples), nil
	}
	if p.forgotten.has(seq) {
		g.repeated++
		return promise(p.id, seq, j.numSamples), nil // and retrieve_future will say 410
	}
	return nil, nil
}

// submit starts a sample of the account of key, unless it is known. 429 pushes the
// client back.
func (g *registry) submit(key string, p *sampler, seq int64, j job) (*wire.Promise, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errShutDown()
	}
	if before, err := g.findKnown(p, seq, j); before != nil || err != nil {
		return before, err
	}
	owner, err := g.admit(key, &j)
	if err != nil {
		return nil, err
	}
	f := &future{sampler: p, owner: owner, seq: seq, job: j, done: make(chan struct{})}
	var ctx context.Context
	ctx, f.cancel = context.WithCancelCause(p.session.ctx)
	p.futures[seq] = f
	g.started++
	g.runs.Go(func() { g.complete(f, j.run(ctx)) })
	return promise(p.id, seq, j.numSamples), nil
}

// complete gives f its answer.
func (g *registry) complete(f *future, a answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f.cancel(nil)
	f.job.run, f.job.request = nil, nil
	if a.failure != nil {
		f.job.asked = nil
	}
	f.answer = a
	close(f.done)
	if !f.dropped {
		g.shelve(f)
		g.completed(f)
		if f.cancelled {
			g.markDelivered(f)
		}
		g.makeRoom(f)
	}
	g.release(f.owner, &f.job)
}

// find returns the sample of that id. 410 says that it is not known, or no
// longer, in a sampling session that is.
func (g *registry) find(id string) (*future, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := strings.LastIndexByte(id, ':')
	if at < 0 {
		return nil, refuse(http.StatusNotFound, "unknown request_id %q", id)
	}
	p, err := g.findSampler(id[:at])
	if err != nil {
		return nil, err
	}
	seq, err := strconv.ParseInt(id[at+1:], 10, 64)
	if err != nil || requestID(p.id, seq) != id {
		return nil, refuse(http.StatusNotFound, "unknown request_id %q", id)
	}
	f, ok := p.futures[seq]
	if !ok {
		return nil, refuse(wire.StatusGone, "the result of request_id %q is not kept any more, or was never asked for", id)
	}
	return f, nil
}

// deliver notes that a client has the answer of f. From the first time on it is
// kept for a limited time.
func (g *registry) deliver(f *future) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.markDelivered(f)
}

func (g *registry) markDelivered(f *future) {
	if f.place == nil || f.delivered {
		return
	}
	g.unshelve(f)
	f.delivered = true
	g.shelve(f)
	f.expiry = time.AfterFunc(g.limits.ResultTime, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.forget(f)
	})
}

// markAcknowledged notes that a client says that it has the answer of f, which is
// the next to go when memory is short. g.mu is held.
func (g *registry) markAcknowledged(f *future) {
	if f.place == nil {
		return
	}
	g.markDelivered(f)
	f.owner.results.listOf(f).MoveToFront(f.place)
}

// cancelFuture stops f, or, if it is done, takes its answer for delivered.
func (g *registry) cancelFuture(f *future) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f.cancelled = true
	f.cancel(errCancelled)
	g.markDelivered(f)
}

// forget drops the answer of f, and only notes that there was one. g.mu is held.
func (g *registry) forget(f *future) {
	if f.dropped {
		return
	}
	g.drop(f)
	f.sampler.log(cloneOf(f.seq)).forget(f)
	delete(f.sampler.futures, f.seq)
	f.sampler.forgotten.add(f.seq)
}

// drop takes f off the shelf, or keeps it from getting there. g.mu is held.
func (g *registry) drop(f *future) {
	f.dropped = true
	if f.place != nil {
		g.unshelve(f)
	}
	if f.expiry != nil {
		f.expiry.Stop()
	}
}
