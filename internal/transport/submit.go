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
		a := s.client.exchange(ctx, t, message{
			method: http.MethodPost, path: wire.PathSample, body: body, accept: wire.MediaJSON, within: submitTimeout,
			header: [][2]string{{wire.HeaderBackpressure, "1"}, idempotencyKey()},
		})
		if a.status == 0 && ctx.Err() != nil {
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
