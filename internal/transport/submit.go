package transport

import (
	"context"
	"net/http"
	"time"

	"tinsmith.example/internal/wire"
)

const submitTimeout = time.Minute

// submit sends an asample body until the server has promised a result. The body
// has the request's number in it, so that sending it twice asks once.
func (s *Sampler) submit(ctx context.Context, t *trail, body []byte, promptBytes int64) (*wire.Promise, error) {
	release, err := s.cfg.Gate.admit(ctx, promptBytes)
	if err != nil {
		return nil, t.ended(ctx)
	}
	defer release()
	schedule := Patiently.schedule()
	for {
		if s.cfg.Gate.wait(ctx) != nil {
			return nil, t.ended(ctx)
		}
		a := s.client.exchange(ctx, t, submission(body))
		if a.status == 0 && ctx.Err() != nil {
			if s.cfg.Abandoned != nil {
				s.cfg.Abandoned(func(ctx context.Context) (string, error) { return s.lookUp(ctx, t.op, body) })
			}
			return nil, t.ended(ctx)
		}
		switch classifySubmit(a) {
		case done:
			return readPromise(t, a)
		case pause:
			if !s.client.billingBlocked(a) {
				return nil, t.fail(a, nil)
			}
			fallthrough
		case pushBack:
			s.cfg.Gate.pushedBack(promptBytes)
			schedule = Patiently.schedule() // the server lives; it may push back for as long as it takes
		case backOff:
			s.client.noteTrouble(t, a)
			wait, ok := schedule.next(answer{}) // Retry-After has no say here
			if !ok {
				return nil, t.fail(a, nil)
			}
			if sleep(ctx, wait) != nil {
				return nil, t.ended(ctx)
			}
		default:
			return nil, t.fail(a, nil)
		}
	}
}

func submission(body []byte) message {
	return message{
		method: http.MethodPost, path: wire.PathSample, body: body, accept: wire.MediaJSON, within: submitTimeout,
		header: [][2]string{{wire.HeaderBackpressure, "1"}, idempotencyKey()},
	}
}

// lookUp finds the server's name for a request whose submission was cut short.
// The same number is the same request: submitting it again names it.
func (s *Sampler) lookUp(ctx context.Context, op string, body []byte) (requestID string, err error) {
	t := newTrail(op)
	a := s.client.exchange(ctx, t, submission(body))
	if classifySubmit(a) != done {
		return "", t.fail(a, nil)
	}
	promise, err := readPromise(t, a)
	if err != nil {
		return "", err
	}
	return promise.RequestID, nil
}

func readPromise(t *trail, a answer) (*wire.Promise, error) {
	var promise wire.Promise
	if err := wire.Decode(a.body, &promise); err != nil {
		return nil, t.fail(a, err)
	}
	if promise.RequestID == "" {
		return nil, t.fail(a, errNoRequestID)
	}
	return &promise, nil
}
