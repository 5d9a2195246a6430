package tinker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tinsmith.example/internal/telemetry"
	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// observing makes the observers of a server's calls: those of WithObserver, and
// telemetry unless it is not wanted. Its events are sent once a session reports.
func (c *config) observing(client *transport.Client) (observers, *telemetry.Reporter) {
	o := observers{server: client.BaseURL(), list: slices.Clip(c.observers)}
	if !c.telemetry {
		return o, nil
	}
	r := telemetry.New(client, c.log)
	o.list = append(o.list, failureReport{r})
	return o, r
}

// report begins to tell the server of the session's events.
func (s *session) report(r *telemetry.Reporter) {
	if r == nil {
		return
	}
	r.Begin()
	s.run(func() { r.Run(s.ctx, s.id) })
	s.flush = func(ctx context.Context) {
		r.End()
		r.Drain(ctx, s.id)
	}
}

// A failureReport is the observer that makes events of what fails. The texts of
// errors stay out of them: they may repeat a prompt, a proxy's password or
// whatever else a server thinks it helps to say.
type failureReport struct{ reporter *telemetry.Reporter }

func (f failureReport) CallStarted(ctx context.Context, _ Call) context.Context { return ctx }

// AttemptEnded reports requests that may have to be repeated. A poll without a
// result, push-back and the end of the caller's patience are no failures.
func (f failureReport) AttemptEnded(ctx context.Context, call Call, a Attempt) {
	polling := a.Endpoint == wire.PathRetrieveFuture
	switch {
	case a.Status >= 200 && a.Status < 300, ctx.Err() != nil:
		return
	case polling && a.Status == wire.StatusPending:
		return
	case !strings.HasPrefix(a.Endpoint, "/api/"): // whether the server has a tokenizer
		return
	case a.Endpoint == wire.PathSample && (a.Status == wire.StatusPushBack || a.Status == wire.StatusBilling):
		return
	}
	name := "InternalClientHolder.execute_with_retries.exception"
	if polling {
		name = "APIFuture.result_async." + trouble(a)
	}
	data := map[string]any{
		"func": call.Op, "endpoint": a.Endpoint, "exception_type": trouble(a), "attempt_count": a.Number - 1,
		"is_user_error": userStatus(a.Status), "elapsed_time": a.Elapsed.Seconds(),
	}
	if a.Status != 0 {
		data["status_code"] = a.Status
	}
	f.reporter.Add(telemetry.Generic(telemetry.Warning, name, data))
}

// trouble is what kept a request from being answered well.
func trouble(a Attempt) string {
	if a.Status != 0 {
		return "api_status_error"
	}
	type timeout interface {
		error
		Timeout() bool
	}
	if e, ok := errors.AsType[timeout](a.Err); ok && e.Timeout() {
		return "timeout"
	}
	return "connection_error"
}

// CallEnded reports calls that failed, and whose fault it was. As the API has it, the
// end of the session follows, although the session goes on.
func (f failureReport) CallEnded(_ context.Context, call Call, o Outcome) {
	if o.Err == nil || errors.Is(o.Err, ErrClosed) || errors.Is(o.Err, context.Canceled) || errors.Is(o.Err, context.DeadlineExceeded) {
		return
	}
	if _, ok := errors.AsType[*TokenizerError](o.Err); ok {
		return // no call of the API failed
	}
	kind, status, request, byUser := "error", 0, "", false
	if e, ok := errors.AsType[*APIError](o.Err); ok {
		kind, status, request, byUser = "APIError", e.Status, e.RequestID, userStatus(e.Status)
	}
	if e, ok := errors.AsType[*RequestError](o.Err); ok {
		kind, request, byUser = "RequestError", e.RequestID, e.Category == CategoryUser
	}
	message := fmt.Sprintf("%s: status %d after %d attempts in %v", call.Op, status, o.Attempts, o.Elapsed.Round(time.Millisecond))
	if request != "" {
		message += " (request " + request + ")"
	}
	if byUser {
		f.reporter.Fail(telemetry.Generic(telemetry.Warning, "user_error", map[string]any{
			"error_type": kind, "message": message, "status_code": status,
		}))
		return
	}
	f.reporter.Fail(telemetry.Exception(kind, message))
}

// userStatus reports whether a status blames the user.
func userStatus(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusRequestTimeout
}
