package transport

import (
	"context"
	"errors"

	"tinsmith.example/internal/wire"
)

var errNotProtobuf = errors.New("the result is JSON where protobuf was asked for")

// fetch waits for the sample that the server has promised under t.request. Every
// error is an *Error.
func (s *Sampler) fetch(ctx context.Context, t *trail) (*wire.SampleResponse, error) {
	var response *wire.SampleResponse
	var taken []func() // each gives something back
	defer func() {
		for _, giveBack := range taken {
			giveBack()
		}
	}()
	p := &poll{
		client: s.client, trail: t, requestType: wire.RequestTypeSample, accept: wire.MediaProtobuf, queueState: s.cfg.QueueState,
		exchange: s.exchange,
		deliver: func(a answer) (err error) {
			if !a.protobuf() {
				return errNotProtobuf
			}
			response, err = wire.DecodeSampleResponse(a.body)
			return err
		},
		makeRoom: func(ctx context.Context, size int64) error {
			giveBack, err := s.cfg.Gate.responses.acquire(ctx, size)
			if err == nil {
				taken = append(taken, giveBack)
			}
			return err
		},
	}
	t.waitFor(forResult)
	giveBack, err := s.awaitCompletion(ctx, p)
	if err == nil {
		taken = append(taken, giveBack)
		err = p.run(ctx)
	}
	_, failed := errors.AsType[*FailedError](err)
	switch {
	case s.watch != nil && (err == nil || failed):
		s.watch.hasArrived(t.request)
	case err != nil && ctx.Err() != nil:
		if name := t.request; s.cfg.Abandoned != nil {
			s.cfg.Abandoned(func(context.Context) (string, error) { return name, nil })
		}
		return nil, t.ended(ctx)
	}
	return response, err
}

// awaitCompletion waits, where one poll waits for all results, until this one is
// there to be fetched. Until giveBack is called it counts among those that are.
func (s *Sampler) awaitCompletion(ctx context.Context, p *poll) (giveBack func(), err error) {
	if s.watch == nil {
		return func() {}, nil
	}
	done, giveBack, err := s.watch.wait(ctx, p.trail.request)
	if err != nil {
		return nil, p.trail.ended(ctx)
	}
	if done.size > 0 {
		if err := p.reserve(ctx, done.size); err != nil {
			giveBack()
			return nil, err
		}
	}
	return giveBack, nil
}
