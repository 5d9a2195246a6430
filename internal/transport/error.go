package transport

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrStuck is why a sampling call gave up: no call of its client has
	// succeeded for RetryConfig.ProgressTimeout.
	ErrStuck = errors.New("no progress")
	// ErrResultLost is why a promised result will never come: the server does
	// not know it any more.
	ErrResultLost = errors.New("the server no longer has this result")
)

// An Error is a call that failed, as seen from here: the last answer, or why
// there was none, and what it took to get so far.
type Error struct {
	Op        string        // the SDK call, such as "SamplingClient.Sample"
	Path      string        // the endpoint of the last attempt
	RequestID string        // the server's name for the request, "" if it gave none
	Status    int           // HTTP status of the last answer; 0: there was none
	Message   string        // what its body says
	Attempts  int           // HTTP requests sent
	Elapsed   time.Duration // since the call began
	Waiting   string        // if its context ended: what it waited for, and the last trouble on the way
	Err       error         // why it failed, beyond what the status says; may be nil
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Path)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.Waiting != "" {
		fmt.Fprintf(&b, ": while waiting for %s", e.Waiting)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (%d attempts in %v)", e.Attempts, e.Elapsed.Round(time.Millisecond))
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// A FailedError is a request that the server accepted and then failed.
type FailedError struct {
	Message  string
	Category string // wire.CategoryUser, wire.CategoryServer or wire.CategoryUnknown
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("request failed (%s): %s", e.Category, e.Message)
}

// A timeoutError is an attempt during which nothing moved for too long.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("nothing was heard for %v", e.after) }
func (e *timeoutError) Timeout() bool { return true }

// Retryable reports whether sampling is worth another try after err: nothing
// was heard from the server, or it said 408, 409, 429 or 5xx, or it has lost
// the result. An end of the context, ErrStuck and answers that cannot be read
// are final.
func Retryable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	// A context that ended is the cause itself. Timeouts of connections, further
	// down, are called DeadlineExceeded, too.
	if !ok || errors.Is(err, ErrStuck) || e.Err == context.Canceled || e.Err == context.DeadlineExceeded {
		return false
	}
	if errors.Is(err, ErrResultLost) {
		return true
	}
	if e.Status == 0 {
		return e.Err != nil && !hopeless(e.Err)
	}
	return transient(e.Status)
}

// A trail is what an Error tells about the way to it.
type trail struct {
	op       string
	path     string // of the last attempt
	started  time.Time
	attempts int
	request  string // the server's name for what is awaited
	waiting  string // what for, now: one of the constants below
	trouble  string // what stood in the way last, in the current wait
}

// What a call may be waiting for.
const (
	forAnswer    = "an answer"
	forSlot      = "one of the calls allowed at once to end"
	forAdmission = "room among the submissions of the session"
	forPushBack  = "the end of the server's push-back"
	forPromise   = "the server to accept the request"
	forResult    = "the result"
	forRoom      = "room for a large result"
	forRetry     = "the next try"
)

// waitFor says what the call waits for from now on.
func (t *trail) waitFor(what string) { t.waiting, t.trouble = what, "" }

// meet takes note of an answer that made the call wait longer.
func (t *trail) meet(a answer) {
	switch message := a.message(); {
	case a.status == 0 && a.err != nil:
		t.trouble = a.err.Error()
	case message != "":
		t.trouble = fmt.Sprintf("status %d: %s", a.status, message)
	default:
		t.trouble = fmt.Sprintf("status %d", a.status)
	}
}

func newTrail(op string) *trail { return &trail{op: op, started: time.Now()} }

// fail is the Error for the last answer, with a cause of ours if there is one.
func (t *trail) fail(a answer, cause error) *Error {
	e := &Error{
		Op: t.op, Path: t.path, RequestID: t.request, Status: a.status, Message: a.message(),
		Attempts: t.attempts, Elapsed: time.Since(t.started), Err: cause,
	}
	if cause == nil {
		e.Err = a.err
	}
	if e.RequestID == "" {
		e.RequestID = a.requestID()
	}
	return e
}

// ended is the Error for a context that ended.
func (t *trail) ended(ctx context.Context) *Error {
	e := t.fail(answer{}, context.Cause(ctx))
	e.Waiting = t.waiting
	if t.trouble != "" {
		e.Waiting += " (" + t.trouble + ")"
	}
	return e
}
