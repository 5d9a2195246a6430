package transport

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"tinsmith.example/internal/wire"
)

// A Promised is a call that the server answers with a promise, and the promise
// with a result in JSON, when there is one.
type Promised struct {
	Submit      Call   // Answer is not used
	RequestType string // of the result, one of wire's RequestType constants
	Result      any    // where it is decoded to
	// QueueState is called when the server says why the request waits, and with
	// wire.QueueActive when the waiting ends. May be nil.
	QueueState func(state, reason string)
	// Accepted is called once the server has made its promise. May be nil.
	Accepted func()
}

// DoPromised submits a call as its policy allows, and then polls for as long as
// the result takes. Every error is an *Error; a result that the server has lost is
// one that wraps ErrResultLost, since submitting again would not do the same.
func (c *Client) DoPromised(ctx context.Context, call Promised) error {
	var promise wire.Promise
	call.Submit.Answer = &promise
	submitted := time.Now()
	if err := c.Do(ctx, call.Submit); err != nil {
		return err
	}
	if call.Accepted != nil {
		call.Accepted()
	}
	p := &promisePoll{client: c, call: &call, trail: newTrail(call.Submit.Op), took: time.Since(submitted), sizeFirst: true}
	p.trail.request = promise.RequestID
	p.trail.waitFor(forResult)
	if promise.RequestID == "" {
		p.trail.path = call.Submit.Path
		return p.trail.fail(answer{status: http.StatusOK}, errNoRequestID)
	}
	if call.QueueState != nil {
		defer call.QueueState(wire.QueueActive, "")
	}
	for {
		started := time.Now()
		a := p.ask(ctx)
		if a.status == 0 && ctx.Err() != nil {
			return p.trail.ended(ctx)
		}
		wait, arrived, err := p.take(ctx, a, time.Since(started))
		if arrived || err != nil {
			return err
		}
		if sleep(ctx, wait) != nil {
			return p.trail.ended(ctx)
		}
	}
}

// A promisePoll is the state of waiting for one result in JSON.
type promisePoll struct {
	client     *Client
	call       *Promised
	trail      *trail
	took       time.Duration // until the promise was there
	iteration  int
	sizeFirst  bool // the server may answer with the result's size
	pace       pace
	complaints int // in a row
	edge       edgeBudget
}

func (p *promisePoll) ask(ctx context.Context) answer {
	body, err := wire.Encode(&wire.RetrieveFutureRequest{RequestID: p.trail.request, AllowMetadataOnly: p.sizeFirst})
	if err != nil {
		return answer{err: &unsendableError{err}}
	}
	m := message{
		method: http.MethodPost, path: wire.PathRetrieveFuture, body: body, accept: wire.MediaJSON, within: pollTimeout,
		header: [][2]string{
			{wire.HeaderRequestIteration, strconv.Itoa(p.iteration)},
			{wire.HeaderRequestType, p.call.RequestType},
			p.client.idempotencyKey(),
		},
	}
	if p.iteration == 0 {
		m.header = append(m.header, [2]string{wire.HeaderPromiseRoundtrip, strconv.FormatFloat(p.took.Seconds(), 'g', -1, 64)})
	}
	p.iteration++
	return p.client.exchange(ctx, p.trail, m)
}

// take deals with an answer that came after the server had held the poll for so
// long. Unless the result has arrived, it says how long to wait before the next
// poll.
func (p *promisePoll) take(ctx context.Context, a answer, held time.Duration) (wait time.Duration, arrived bool, err error) {
	what := p.edge.limit(a, classifyPoll(a))
	if what != backOff {
		p.pace.answered()
	}
	if what != complain {
		p.complaints = 0
	}
	switch what {
	case done:
		return p.read(a, held)
	case pollAgain:
		if a.status == http.StatusRequestTimeout {
			p.noteQueue(a)
			return p.pace.pending(held), false, nil
		}
		p.client.noteTrouble(p.trail, a)
		return p.pace.faulty(), false, nil
	case backOff:
		p.client.noteTrouble(p.trail, a)
		return p.pace.silent(), false, nil
	case complain:
		if p.complaints++; p.complaints < maxComplaints {
			return p.pace.faulty(), false, nil
		}
	case pause:
		return 0, false, p.client.payBill(ctx, p.trail, a)
	case resubmit:
		return 0, false, p.trail.fail(a, ErrResultLost)
	}
	return 0, false, p.trail.fail(a, nil)
}

// read reads an answer of status 200.
func (p *promisePoll) read(a answer, held time.Duration) (wait time.Duration, arrived bool, err error) {
	said, err := wire.DecodeFutureAnswer(a.body)
	if err != nil {
		return 0, false, p.trail.fail(a, err)
	}
	switch said := said.(type) {
	case *wire.TryAgain:
		p.notePending(said)
		return p.pace.pending(held), false, nil
	case *wire.CompleteMetadata: // such results are small, and need no room made for them
		if !p.sizeFirst {
			return 0, false, p.trail.fail(a, errMetadataAgain)
		}
		p.sizeFirst = false
		return 0, false, nil
	case *wire.FailedFuture:
		return 0, false, p.trail.fail(a, &FailedError{Message: said.Error, Category: said.Category})
	}
	if err := wire.Decode(a.body, p.call.Result); err != nil {
		return 0, false, p.trail.fail(a, err)
	}
	return 0, true, nil
}

// noteQueue reads why a 408 makes us wait. It may have any body.
func (p *promisePoll) noteQueue(a answer) {
	if said, err := wire.DecodeFutureAnswer(a.body); err == nil {
		if pending, ok := said.(*wire.TryAgain); ok {
			p.notePending(pending)
		}
	}
}

func (p *promisePoll) notePending(said *wire.TryAgain) {
	if tell := p.call.QueueState; tell != nil && (said.QueueState != "" || said.QueueStateReason != "") {
		tell(said.QueueState, said.QueueStateReason)
	}
}
