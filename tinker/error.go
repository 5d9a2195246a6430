package tinker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tinsmith.example/internal/transport"
)

var (
	// ErrClosed is what calls on a closed client return, and calls that Close
	// interrupted.
	ErrClosed = errors.New("tinker: client is closed")
	// ErrSessionGone is in the errors of calls, and in that of SessionErr, whose
	// session the server does not know any more: it was restarted, or has ended
	// the session. All calls of the ServiceClient and of the clients that come
	// from it will fail; a new one begins a new session.
	ErrSessionGone = errors.New("tinker: the session is gone from the server: make a new ServiceClient")
	// ErrSessionEnded is the ErrSessionGone of a session that the server says it
	// has ended. SessionErr returns it as it is.
	ErrSessionEnded error = endedSession{}
	// ErrStuck is why sampling calls gave up: no call of their client had
	// succeeded for [RetryConfig].ProgressTimeout.
	ErrStuck = transport.ErrStuck
)

type endedSession struct{}

func (endedSession) Error() string {
	return "tinker: the server has ended the session: make a new ServiceClient"
}

func (endedSession) Unwrap() error { return ErrSessionGone }

// An ArgumentError is a value that cannot be right. Nothing was sent.
type ArgumentError struct {
	Field string // such as "Params.Temperature" or "Prompt.Chunks[0].Tokens[7]"
	Value any    // what it was; where that is secret or long, a few words about it
	Limit string // what it must be, such as "0 or more"
}

// described is the Value of an ArgumentError that is not the value itself but words
// about it, which its text does not quote.
type described string

// notShown describes a value that may be a secret.
func notShown(value string) described {
	return described(fmt.Sprintf("%d bytes that are not shown", len(value)))
}

func (e *ArgumentError) Error() string {
	value := fmt.Sprintf("%v", e.Value)
	if text, ok := e.Value.(string); ok {
		value = fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("tinker: %s is %s, must be %s", e.Field, value, e.Limit)
}

// An APIError is a call that did not get through: the server refused it, or
// answered with something that makes no sense, or could not be reached. If a
// context ended the call, Err is its cause: context.Canceled,
// context.DeadlineExceeded, or what context.WithCancelCause was told.
type APIError struct {
	Op        string        // the SDK call, such as "SamplingClient.Sample"
	RequestID string        // the server's name for the request; "" if it gave none
	Status    int           // HTTP status of the last answer; 0: there was none
	Message   string        // what the server said about it
	Attempts  int           // HTTP requests sent
	Elapsed   time.Duration // since the call began
	Waiting   string        // if its context ended: what the call waited for then, and what stood in the way
	Err       error         // what went wrong, beyond what Status and Message say; may be nil
}

func (e *APIError) Error() string {
	var b strings.Builder
	b.WriteString("tinker: " + e.Op)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Waiting != "" {
		b.WriteString(": while waiting for " + e.Waiting)
	}
	if e.Err != nil {
		b.WriteString(": " + strings.TrimPrefix(e.Err.Error(), "tinker: "))
	}
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (%d attempts in %v)", e.Attempts, e.Elapsed.Round(time.Millisecond))
	}
	return b.String()
}

func (e *APIError) Unwrap() error { return e.Err }

// A Category says whose fault a failed request is.
type Category string

const (
	CategoryUser    Category = "user"    // trying again cannot help
	CategoryServer  Category = "server"  // trying again may help
	CategoryUnknown Category = "unknown" // the server did not say
)

// A RequestError is a request that the server accepted and then failed. It is
// never tried again by this package: the server knew what it did.
type RequestError struct {
	Op        string        // the SDK call, such as "SamplingClient.Sample"
	RequestID string        // the server's name for the request
	Category  Category      // whose fault it is
	Attempts  int           // HTTP requests sent
	Elapsed   time.Duration // since the call began
	Err       error         // what the server said
}

func (e *RequestError) Error() string {
	return fmt.Sprintf("tinker: %s: request %s failed (%s): %v", e.Op, e.RequestID, e.Category, e.Err)
}

func (e *RequestError) Unwrap() error { return e.Err }

// An AnswerError is an answer that breaks the API's rules, or that this package
// refuses: JSON or protobuf that cannot be read, a member that is missing, a list of
// the wrong length, a tokenizer that it could not reproduce exactly, a receipt of
// another answer. It comes in an APIError with status 200.
type AnswerError struct {
	Reason string // what is wrong with it, with the member's name
	Err    error  // where that came from; may be nil
}

func (e *AnswerError) Error() string { return e.Reason }
func (e *AnswerError) Unwrap() error { return e.Err }

// refusedAnswer is the error of an answer that err is about.
func refusedAnswer(op, requestID string, err error) *APIError {
	return &APIError{Op: op, RequestID: requestID, Status: http.StatusOK, Attempts: 1, Err: &AnswerError{err.Error(), err}}
}

// endedError is the error of a call whose context ended before it sent anything.
func endedError(ctx context.Context, op string) error {
	if errors.Is(context.Cause(ctx), ErrClosed) {
		return ErrClosed
	}
	return &APIError{Op: op, Err: context.Cause(ctx)}
}

// publicError makes an error of package transport one of ours.
func publicError(err error) error {
	if errors.Is(err, ErrClosed) {
		return ErrClosed
	}
	e, ok := errors.AsType[*transport.Error](err)
	if !ok {
		return err
	}
	if failed, ok := errors.AsType[*transport.FailedError](err); ok {
		return &RequestError{
			Op: e.Op, RequestID: e.RequestID, Category: Category(failed.Category),
			Attempts: e.Attempts, Elapsed: e.Elapsed, Err: errors.New(failed.Message),
		}
	}
	public := &APIError{
		Op: e.Op, RequestID: e.RequestID, Status: e.Status, Message: e.Message,
		Attempts: e.Attempts, Elapsed: e.Elapsed, Waiting: e.Waiting, Err: e.Err,
	}
	if e.Err != nil && e.Status >= 200 && e.Status < 300 {
		public.Err = &AnswerError{e.Err.Error(), e.Err}
	} else if c, ok := errors.AsType[*CredentialError](e.Err); ok {
		public.Err = &CredentialError{c.Stderr, publicError(c.Err)}
		if exchange, ok := errors.AsType[*transport.Error](c.Err); ok { // the last answer there was
			public.Status = exchange.Status
		}
	}
	return public
}
