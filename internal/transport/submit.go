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
func (s *Sampler) submit(ctx context.Context, t *trail, r *numbered) (*wire.Promise, error) {
	t.waitFor(forAdmission)
	release, err := s.cfg.Gate.admit(ctx, r.promptBytes)
	if err != nil {
		return nil, s.leave(ctx, t, r)
	}
	defer release()
	schedule := Sparsely.schedule()
	t.waitFor(forPromise)
	var edge edgeBudget
	for {
		if s.cfg.Gate.holds() {
			t.waiting = forPushBack
			if s.cfg.Gate.wait(ctx) != nil {
				return nil, s.leave(ctx, t, r)
			}
			t.waiting = forPromise
		}
		sent := t.attempts
		a := s.exchange(ctx, t, s.submission(r.body))
		r.inDoubt = r.inDoubt || t.attempts > sent && mayHaveArrived(a)
		if a.status == 0 && ctx.Err() != nil {
			return nil, s.leave(ctx, t, r)
		}
		switch edge.limit(a, classifySubmit(a)) {
		case done:
			return readPromise(t, a)
		case pause:
			if !s.client.billingBlocked(a) {
				return nil, t.fail(a, nil)
			}
			fallthrough
		case pushBack:
			t.meet(a)
			s.cfg.Gate.pushedBack(r.promptBytes)
			schedule = Sparsely.schedule() // the server lives; it may push back for as long as it takes
		case backOff:
			s.client.noteTrouble(t, a)
			wait, ok := schedule.next(a)
			if !ok {
				return nil, t.fail(a, nil)
			}
			if sleep(ctx, wait) != nil {
				return nil, s.leave(ctx, t, r)
			}
		default:
			return nil, t.fail(a, nil)
		}
	}
}

// mayHaveArrived reports whether the server may have taken a request to which
// it did not say so: not if there was no connection.
func mayHaveArrived(a answer) bool {
	return !a.unsent && (a.status == 0 || a.status >= 500)
}

// leave is the Error for a context that ended before the server's promise came,
// once it has been told of a request that may run all the same.
func (s *Sampler) leave(ctx context.Context, t *trail, r *numbered) *Error {
	if body := r.body; r.inDoubt && s.cfg.Abandoned != nil {
		s.cfg.Abandoned(func(ctx context.Context) (string, error) { return s.lookUp(ctx, t.op, body) })
	}
	return t.ended(ctx)
}

func (s *Sampler) submission(body []byte) message {
	return message{
		method: http.MethodPost, path: wire.PathSample, body: body, accept: wire.MediaJSON, within: submitTimeout,
		header: []field{{wire.HeaderBackpressure, "1"}, s.client.idempotencyKey()},
	}
}

// lookUp finds the server's name for a request whose submission was cut short.
// The same number is the same request: submitting it again names it. No name
// and no error mean that the server does not take it, and so has not taken it.
func (s *Sampler) lookUp(ctx context.Context, op string, body []byte) (requestID string, err error) {
	t := newTrail(op)
	a := s.client.exchange(ctx, t, s.submission(body))
	switch what := classifySubmit(a); {
	case what == done:
	case what == backOff, a.status == 0:
		return "", t.fail(a, nil)
	default:
		return "", nil
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
