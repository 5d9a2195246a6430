package transport

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tinsmith.example/internal/wire"
)

const (
	pollTimeout   = 45 * time.Second
	maxComplaints = 3 // polls in a row that the server calls malformed
)

var errMetadataAgain = errors.New("the server sent a result's size where it was asked for the result")

// A poll is the state of waiting for one promised result.
type poll struct {
	client      *Client
	trail       *trail // which has the request's name
	requestType string // of the result, one of wire's RequestType constants
	accept      string // its media type
	promiseTook string // seconds until the promise was there; "": the server is not told

	// exchange makes a request.
	exchange func(context.Context, *trail, message) answer
	// deliver takes the result.
	deliver func(a answer) error
	// makeRoom waits until a result of that many bytes may be fetched; nil: any
	// may.
	makeRoom func(ctx context.Context, size int64) error
	// queueState is called when the server says why the request waits; nil:
	// nobody is.
	queueState func(state, reason string)

	iteration  int
	sizeKnown  bool // the server must not answer with the result's size
	pace       pace
	complaints int // in a row
	edge       edgeBudget
}

// run polls until the result has been delivered. Every error is an *Error.
func (p *poll) run(ctx context.Context) error {
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

// reserve makes room for a result of that many bytes.
func (p *poll) reserve(ctx context.Context, size int64) error {
	p.sizeKnown = true
	if p.makeRoom == nil {
		return nil
	}
	p.trail.waitFor(forRoom)
	if p.makeRoom(ctx, size) != nil {
		return p.trail.ended(ctx)
	}
	p.trail.waitFor(forResult)
	return nil
}

func (p *poll) ask(ctx context.Context) answer {
	body, err := wire.Encode(&wire.RetrieveFutureRequest{RequestID: p.trail.request, AllowMetadataOnly: !p.sizeKnown})
	if err != nil {
		return answer{err: &unsendableError{err}}
	}
	m := message{
		method: http.MethodPost, path: wire.PathRetrieveFuture, body: body, accept: p.accept, within: pollTimeout,
		header: []field{
			{wire.HeaderRequestIteration, strconv.Itoa(p.iteration)},
			{wire.HeaderRequestType, p.requestType},
			p.client.idempotencyKey(),
		},
	}
	if p.iteration == 0 && p.promiseTook != "" {
		m.header = append(m.header, field{wire.HeaderPromiseRoundtrip, p.promiseTook})
	}
	p.iteration++
	return p.exchange(ctx, p.trail, m)
}

// take deals with an answer that came after the server had held the poll for so
// long. Unless the result has arrived, it says how long to wait before the next
// poll.
func (p *poll) take(ctx context.Context, a answer, held time.Duration) (wait time.Duration, arrived bool, err error) {
	what := p.edge.limit(a, classifyPoll(a))
	if what != backOff {
		p.pace.answered()
	}
	if what != complain {
		p.complaints = 0
	}
	switch what {
	case done:
		return p.read(ctx, a, held)
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
func (p *poll) read(ctx context.Context, a answer, held time.Duration) (wait time.Duration, arrived bool, err error) {
	if !a.protobuf() {
		said, err := wire.DecodeFutureAnswer(a.body)
		if err != nil {
			return 0, false, p.trail.fail(a, err)
		}
		switch said := said.(type) {
		case *wire.TryAgain:
			p.notePending(said)
			return p.pace.pending(held), false, nil
		case *wire.CompleteMetadata:
			if p.sizeKnown {
				return 0, false, p.trail.fail(a, errMetadataAgain)
			}
			return 0, false, p.reserve(ctx, said.ResponsePayloadSize)
		case *wire.FailedFuture:
			return 0, false, p.trail.fail(a, &FailedError{Message: said.Error, Category: said.Category})
		}
	}
	if err := p.deliver(a); err != nil {
		return 0, false, p.trail.fail(a, err)
	}
	return 0, true, nil
}

// noteQueue reads why a 408 makes us wait. It may have any body.
func (p *poll) noteQueue(a answer) {
	if said, err := wire.DecodeFutureAnswer(a.body); err == nil {
		if pending, ok := said.(*wire.TryAgain); ok {
			p.notePending(pending)
		}
	}
}

func (p *poll) notePending(said *wire.TryAgain) {
	if said.QueueState != "" && said.QueueState != wire.QueueActive {
		p.trail.trouble = "the server says " + said.QueueState + reasonOf(said)
	}
	if p.queueState != nil && (said.QueueState != "" || said.QueueStateReason != "") {
		p.queueState(said.QueueState, said.QueueStateReason)
	}
}

func reasonOf(said *wire.TryAgain) string {
	if said.QueueStateReason == "" {
		return ""
	}
	return ": " + said.QueueStateReason
}
