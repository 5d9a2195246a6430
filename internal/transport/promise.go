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
	t := newTrail(call.Submit.Op)
	if err := c.do(ctx, t, call.Submit); err != nil {
		return err
	}
	took := time.Since(t.started)
	if call.Accepted != nil {
		call.Accepted()
	}
	if promise.RequestID == "" {
		return t.fail(answer{status: http.StatusOK}, errNoRequestID)
	}
	if call.QueueState != nil {
		defer call.QueueState(wire.QueueActive, "")
	}
	t.request = promise.RequestID
	t.waitFor(forResult)
	p := &poll{
		client: c, trail: t, requestType: call.RequestType, accept: wire.MediaJSON, queueState: call.QueueState,
		promiseTook: strconv.FormatFloat(took.Seconds(), 'g', -1, 64),
		exchange:    c.exchange,
		deliver:     func(a answer) error { return wire.Decode(a.body, call.Result) },
		// Such results are small, and need no room made for them.
	}
	return p.run(ctx)
}
