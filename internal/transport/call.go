package transport

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"tinsmith.example/internal/wire"
)

// A Call is one that answers at once, with JSON.
type Call struct {
	Op      string        // the SDK call it is part of; "": none
	Silent  bool          // true: the server is not told of Op
	Method  string        // "": POST
	Path    string        // below the base URL, escaped
	Body    any           // a message of package wire; nil: no body
	Answer  any           // where the answer is decoded to; *[]byte: the bytes; nil: not looked at
	Timeout time.Duration // per try, without anything moving; 0: a minute
	Policy  Policy
	Key     string // instead of the client's; "": the client's
}

// Do makes the call, as often as its policy allows, until an answer says
// whether it succeeded. Every error is an *Error; when ctx ended, it wraps the
// context's cause.
func (c *Client) Do(ctx context.Context, call Call) error { return c.do(ctx, newTrail(call.Op), call) }

// do is Do on a trail that goes on afterwards.
func (c *Client) do(ctx context.Context, t *trail, call Call) error {
	m, err := c.message(&call)
	if err != nil {
		t.path = call.Path
		return t.fail(answer{}, &unsendableError{err})
	}
	schedule := call.Policy.schedule()
	var edge edgeBudget
	t.waitFor(forAnswer)
	for {
		a := c.exchange(ctx, t, m)
		if a.status == 0 && ctx.Err() != nil {
			return t.ended(ctx)
		}
		switch edge.limit(a, classifyCall(a)) {
		case done:
			if err := call.read(a); err != nil {
				return t.fail(a, err)
			}
			return nil
		case pause:
			if call.Policy == Once {
				return t.fail(a, nil)
			}
			if err := c.payBill(ctx, t, a); err != nil {
				return err
			}
			schedule.excuse(billingWait)
		case backOff:
			wait, ok := schedule.next(a)
			if !ok {
				return t.fail(a, nil)
			}
			c.noteTrouble(t, a)
			if sleep(ctx, wait) != nil {
				return t.ended(ctx)
			}
		default:
			return t.fail(a, nil)
		}
	}
}

func (c *Client) message(call *Call) (message, error) {
	m := message{
		method: call.Method, path: call.Path, accept: wire.MediaJSON, within: call.Timeout, key: call.Key, silent: call.Silent,
	}
	if m.method == "" {
		m.method = http.MethodPost
	}
	if m.within == 0 {
		m.within = time.Minute
	}
	if m.method != http.MethodGet {
		m.header = append(m.header, c.idempotencyKey())
	}
	if _, raw := call.Answer.(*[]byte); raw {
		m.accept = "*/*"
	}
	var err error
	if call.Body != nil {
		m.body, err = wire.Encode(call.Body)
	}
	return m, err
}

func (call *Call) read(a answer) error {
	switch v := call.Answer.(type) {
	case nil:
		return nil
	case *[]byte:
		*v = a.body
		return nil
	default:
		return wire.Decode(a.body, v)
	}
}

// idempotencyKey is another one each time, for one logical call.
func (c *Client) idempotencyKey() field {
	return field{wire.HeaderIdempotencyKey, c.keys + strconv.FormatInt(c.calls.Add(1), 10)}
}
