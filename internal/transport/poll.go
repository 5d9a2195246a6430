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

var (
	errMetadataAgain = errors.New("the server sent a result's size where it was asked for the result")
	errNotProtobuf   = errors.New("the result is JSON where protobuf was asked for")
)

// poll asks for a promised result until it is there.
func (s *Sampler) poll(ctx context.Context, t *trail, requestID string) (*wire.SampleResponse, error) {
	p := &poll{sampler: s, trail: t, requestID: requestID, sizeFirst: true}
	defer p.release()
	t.waitFor(forResult)
	response, err := p.run(ctx)
	_, failed := errors.AsType[*FailedError](err)
	switch {
	case s.watch != nil && (err == nil || failed):
		s.watch.hasArrived(requestID)
	case err != nil && ctx.Err() != nil:
		if s.cfg.Abandoned != nil {
			s.cfg.Abandoned(func(context.Context) (string, error) { return requestID, nil })
		}
		return nil, t.ended(ctx)
	}
	return response, err
}

// A poll is the state of waiting for one result.
type poll struct {
	sampler    *Sampler
	trail      *trail
	requestID  string
	iteration  int
	sizeFirst  bool     // the server may answer with the result's size
	taken      []func() // each gives something back
	pace       pace
	complaints int // in a row
	edge       edgeBudget
}

func (p *poll) release() {
	for _, giveBack := range p.taken {
		giveBack()
	}
}

// run polls until there is a result or an error.
func (p *poll) run(ctx context.Context) (*wire.SampleResponse, error) {
	if p.sampler.watch != nil {
		if err := p.awaitCompletion(ctx); err != nil {
			return nil, err
		}
	}
	for {
		started := time.Now()
		a, err := p.ask(ctx)
		if err != nil {
			return nil, err
		}
		response, err := p.take(ctx, a, time.Since(started))
		if response != nil || err != nil {
			return response, err
		}
	}
}

// awaitCompletion waits until the result is there, which polls then fetch.
func (p *poll) awaitCompletion(ctx context.Context) error {
	done, giveBack, err := p.sampler.watch.wait(ctx, p.requestID)
	if err != nil {
		return err
	}
	p.taken = append(p.taken, giveBack)
	if done.size == 0 {
		return nil
	}
	return p.makeRoom(ctx, done.size)
}

// makeRoom waits until a result of that many bytes may be fetched. From then on
// the server must not answer with its size.
func (p *poll) makeRoom(ctx context.Context, size int64) error {
	p.sizeFirst = false
	p.trail.waitFor(forRoom)
	giveBack, err := p.sampler.cfg.Gate.responses.acquire(ctx, size)
	if err != nil {
		return err
	}
	p.taken = append(p.taken, giveBack)
	p.trail.waitFor(forResult)
	return nil
}

func (p *poll) ask(ctx context.Context) (answer, error) {
	body, err := wire.Encode(&wire.RetrieveFutureRequest{RequestID: p.requestID, AllowMetadataOnly: p.sizeFirst})
	if err != nil {
		return answer{}, p.trail.fail(answer{}, &unsendableError{err})
	}
	a := p.sampler.exchange(ctx, p.trail, message{
		method: http.MethodPost, path: wire.PathRetrieveFuture, body: body, accept: wire.MediaProtobuf, within: pollTimeout,
		header: [][2]string{
			{wire.HeaderRequestIteration, strconv.Itoa(p.iteration)},
			{wire.HeaderRequestType, wire.RequestTypeSample},
			p.sampler.client.idempotencyKey(),
		},
	})
	p.iteration++
	if a.status == 0 && ctx.Err() != nil {
		return a, context.Cause(ctx)
	}
	return a, nil
}

// take deals with an answer that came after the server had held the poll for so
// long: the result, an error that ends the waiting, or neither, when it has
// waited and it is time for the next poll.
func (p *poll) take(ctx context.Context, a answer, held time.Duration) (*wire.SampleResponse, error) {
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
		if a.status != http.StatusRequestTimeout {
			p.sampler.client.noteTrouble(p.trail, a)
			return nil, sleep(ctx, p.pace.faulty())
		}
		p.noteQueue(a)
		return nil, sleep(ctx, p.pace.pending(held))
	case backOff:
		p.sampler.client.noteTrouble(p.trail, a)
		return nil, sleep(ctx, p.pace.silent())
	case complain:
		if p.complaints++; p.complaints >= maxComplaints {
			return nil, p.trail.fail(a, nil)
		}
		return nil, sleep(ctx, p.pace.faulty())
	case pause:
		return nil, p.sampler.client.payBill(ctx, p.trail, a)
	case resubmit:
		return nil, p.trail.fail(a, ErrResultLost)
	}
	return nil, p.trail.fail(a, nil)
}

// read reads an answer of status 200.
func (p *poll) read(ctx context.Context, a answer, held time.Duration) (*wire.SampleResponse, error) {
	if a.protobuf() {
		response, err := wire.DecodeSampleResponse(a.body)
		if err != nil {
			return nil, p.trail.fail(a, err)
		}
		return response, nil
	}
	said, err := wire.DecodeFutureAnswer(a.body)
	if err != nil {
		return nil, p.trail.fail(a, err)
	}
	switch said := said.(type) {
	case *wire.TryAgain:
		p.notePending(said)
		return nil, sleep(ctx, p.pace.pending(held))
	case *wire.CompleteMetadata:
		if !p.sizeFirst {
			return nil, p.trail.fail(a, errMetadataAgain)
		}
		return nil, p.makeRoom(ctx, said.ResponsePayloadSize)
	case *wire.FailedFuture:
		return nil, p.trail.fail(a, &FailedError{Message: said.Error, Category: said.Category})
	}
	return nil, p.trail.fail(a, errNotProtobuf)
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
	if tell := p.sampler.cfg.QueueState; tell != nil && (said.QueueState != "" || said.QueueStateReason != "") {
		tell(said.QueueState, said.QueueStateReason)
	}
}

func reasonOf(said *wire.TryAgain) string {
	if said.QueueStateReason == "" {
		return ""
	}
	return ": " + said.QueueStateReason
}
