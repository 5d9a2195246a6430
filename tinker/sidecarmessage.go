package tinker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// What a program and the process that samples for it say to each other, as the
// payloads of package sidecar. Both are the same program, so there are no
// versions. Requests and results of sampling are written as on the wire: JSON, and
// protobuf with the bits of every log probability.

// The first byte of a call's payload; a message in JSON follows.
const (
	sidecarOpenSampler = 'o' // a sidecarOpen
	sidecarSample      = 's' // a sidecarCall
	sidecarBeat        = 'b' // a sidecarAge: how did its latest heartbeat fare?
	sidecarClose       = 'c' // a sidecarSession
)

// A sidecarOpen makes a sampler known, and its session if need be.
type sidecarOpen struct {
	Session  int64           `json:"session"`
	Sampler  int64           `json:"sampler"` // counted within the session
	Copy     *copyState      `json:"copy"`
	Settings sidecarSettings `json:"settings"`
}

// sidecarSettings are those of a config that matter there. The key is in them: it
// travels over the socket and no other way.
type sidecarSettings struct {
	APIKey            string              `json:"api_key"`
	CredentialCommand string              `json:"credential_command"`
	AllowPlainHTTP    bool                `json:"allow_plain_http"`
	Heartbeat         int64               `json:"heartbeat"` // nanoseconds
	Header            map[string][]string `json:"header"`
	LogLevel          int                 `json:"log_level"` // the lowest that is wanted
}

type sidecarCall struct {
	Session     int64               `json:"session"`
	Sampler     int64               `json:"sampler"`
	Op          string              `json:"op"`
	PromptBytes int64               `json:"prompt_bytes"`
	Direct      bool                `json:"direct"`
	Traced      bool                `json:"traced"` // note each exchange
	Request     *wire.SampleRequest `json:"request"`
}

type sidecarSession struct {
	Session int64 `json:"session"`
}

// A sidecarAge asks for nothing that is older. Clocks of two processes are not
// compared: what is on its way meanwhile grows older.
type sidecarAge struct {
	Session int64 `json:"session"`
	Within  int64 `json:"within"` // nanoseconds
}

// A sidecarNote is about no call.
type sidecarNote struct {
	Session int64         `json:"session"`
	Log     *sidecarLog   `json:"log,omitzero"`
	Queue   *sidecarQueue `json:"queue,omitzero"`
}

type sidecarLog struct {
	Time    int64       `json:"time"` // nanoseconds since 1970
	Level   int         `json:"level"`
	Message string      `json:"message"`
	Attrs   [][2]string `json:"attrs"`
}

type sidecarQueue struct {
	Sampler int64  `json:"sampler"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
}

// A sidecarExchange is noted about a call that is traced.
type sidecarExchange struct {
	Method  string        `json:"method"`
	Path    string        `json:"path"`
	Attempt int           `json:"attempt"`
	Started int64         `json:"started"` // nanoseconds since 1970
	Elapsed int64         `json:"elapsed"` // nanoseconds
	Status  int           `json:"status"`
	Err     *sidecarCause `json:"err,omitzero"`
}

func exchangeMessage(x transport.Exchange) *sidecarExchange {
	return &sidecarExchange{
		Method: x.Method, Path: x.Path, Attempt: x.Attempt, Started: x.Started.UnixNano(), Elapsed: int64(x.Elapsed),
		Status: x.Status, Err: causeMessage(x.Err),
	}
}

func (m *sidecarExchange) exchange() transport.Exchange {
	return transport.Exchange{
		Method: m.Method, Path: m.Path, Attempt: m.Attempt, Started: time.Unix(0, m.Started), Elapsed: time.Duration(m.Elapsed),
		Status: m.Status, Err: m.Err.cause(),
	}
}

// sidecarRequest is the payload of a call.
func sidecarRequest(kind byte, m any) []byte {
	return append([]byte{kind}, mustEncode(m)...)
}

// mustEncode is for messages whose numbers are finite. What is no UTF-8 in their
// texts becomes U+FFFD: errors and logs say what a server may have said.
func mustEncode(m any) []byte {
	b, err := json.Marshal(m, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err)
	}
	return b
}

// The first byte of a result.
const (
	sidecarDone    = 'd' // nothing follows
	sidecarSampled = 'r' // the length of a sidecarPromise in JSON, that, and a result in protobuf
	sidecarFailed  = 'e' // a sidecarFailure in JSON
)

// A sidecarPromise is what there is about a result beside itself.
type sidecarPromise struct {
	Promise  wire.Promise `json:"promise"`
	Attempts int          `json:"attempts"`
	Elapsed  int64        `json:"elapsed"` // nanoseconds
}

func sidecarResult(sampled *transport.Sampled, err error) []byte {
	if err != nil {
		return append([]byte{sidecarFailed}, mustEncode(failureMessage(err))...)
	}
	if sampled == nil {
		return []byte{sidecarDone}
	}
	response, err := sampled.Response.MarshalBinary()
	if err != nil {
		return sidecarResult(nil, err)
	}
	promise := mustEncode(&sidecarPromise{*sampled.Promise, sampled.Attempts, int64(sampled.Elapsed)})
	b := binary.AppendUvarint([]byte{sidecarSampled}, uint64(len(promise)))
	return append(append(b, promise...), response...)
}

// An answer is a result that has been read.
type answer struct {
	sampled *transport.Sampled // nil if there is none
	err     error
}

// sidecarAnswer reads a result. A call that ended with ctx failed for the cause of
// that, which the other process does not know.
func sidecarAnswer(ctx context.Context, b []byte) answer {
	a, err := parseAnswer(b)
	if err != nil {
		return answer{err: fmt.Errorf("the result makes no sense: %w", err)}
	}
	if e, ok := a.err.(*transport.Error); ok && ctx.Err() != nil && errors.Is(e.Err, context.Canceled) {
		e.Err = context.Cause(ctx)
	}
	return a
}

func parseAnswer(b []byte) (answer, error) {
	if len(b) == 0 {
		return answer{}, io.ErrUnexpectedEOF
	}
	kind, rest := b[0], b[1:]
	switch kind {
	case sidecarDone:
		return answer{}, nil
	case sidecarFailed:
		var m sidecarFailure
		if err := wire.Decode(rest, &m); err != nil {
			return answer{}, err
		}
		return answer{err: m.failure()}, nil
	case sidecarSampled:
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			return answer{}, io.ErrUnexpectedEOF
		}
		var m sidecarPromise
		if err := wire.Decode(rest[n:n+int(length)], &m); err != nil {
			return answer{}, err
		}
		response, err := wire.DecodeSampleResponse(rest[n+int(length):])
		if err != nil {
			return answer{}, err
		}
		return answer{sampled: &transport.Sampled{
			Promise: &m.Promise, Response: response, Attempts: m.Attempts, Elapsed: time.Duration(m.Elapsed),
		}}, nil
	}
	return answer{}, fmt.Errorf("unknown kind %q", kind)
}

// A sidecarFailure is an error: a transport.Error if it is one of a call, and
// otherwise its cause alone.
type sidecarFailure struct {
	OfCall    bool          `json:"of_call"`
	Op        string        `json:"op"`
	Path      string        `json:"path"`
	RequestID string        `json:"request_id"`
	Status    int           `json:"status"`
	Message   string        `json:"message"`
	Attempts  int           `json:"attempts"`
	Elapsed   int64         `json:"elapsed"` // nanoseconds
	Waiting   string        `json:"waiting"`
	Cause     *sidecarCause `json:"cause,omitzero"`
}

func failureMessage(err error) *sidecarFailure {
	e, ok := errors.AsType[*transport.Error](err)
	if !ok {
		return &sidecarFailure{Cause: causeMessage(err)}
	}
	return &sidecarFailure{
		OfCall: true, Op: e.Op, Path: e.Path, RequestID: e.RequestID, Status: e.Status, Message: e.Message,
		Attempts: e.Attempts, Elapsed: int64(e.Elapsed), Waiting: e.Waiting, Cause: causeMessage(e.Err),
	}
}

func (m *sidecarFailure) failure() error {
	if !m.OfCall {
		return m.Cause.cause()
	}
	return &transport.Error{
		Op: m.Op, Path: m.Path, RequestID: m.RequestID, Status: m.Status, Message: m.Message,
		Attempts: m.Attempts, Elapsed: time.Duration(m.Elapsed), Waiting: m.Waiting, Err: m.Cause.cause(),
	}
}

// A sidecarCause is why something failed, with what errors.Is and errors.As find
// in it: the sentinels of sentinels, a system call's number, a request that the
// server failed, a credential that could not be had, and timeouts.
type sidecarCause struct {
	Text     string   `json:"text"`
	Is       []string `json:"is"`
	Errno    int      `json:"errno"`
	Timeout  bool     `json:"timeout"`
	Failed   bool     `json:"failed"` // then Text and Category are a transport.FailedError
	Category string   `json:"category"`

	Credential *sidecarFailure `json:"credential,omitzero"` // then the rest of a CredentialError
	Stderr     string          `json:"stderr"`
}

var sentinels = []struct {
	name string
	err  error
}{
	{"stuck", transport.ErrStuck}, {"lost", transport.ErrResultLost}, {"closed", ErrClosed},
	{"canceled", context.Canceled}, {"deadline", context.DeadlineExceeded}, {"unsupported", errors.ErrUnsupported},
	{"eof", io.EOF}, {"cut short", io.ErrUnexpectedEOF}, {"connection closed", net.ErrClosed},
}

func causeMessage(err error) *sidecarCause {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*transport.FailedError](err); ok {
		return &sidecarCause{Failed: true, Text: e.Message, Category: e.Category}
	}
	if e, ok := errors.AsType[*CredentialError](err); ok {
		return &sidecarCause{Credential: failureMessage(e.Err), Stderr: e.Stderr}
	}
	m := &sidecarCause{Text: err.Error()}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			m.Is = append(m.Is, s.name)
		}
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		m.Errno = int(errno)
	}
	if e, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok {
		m.Timeout = e.Timeout()
	}
	return m
}

// cause is the error again; nil for nil.
func (m *sidecarCause) cause() error {
	switch {
	case m == nil:
		return nil
	case m.Failed:
		return &transport.FailedError{Message: m.Text, Category: m.Category}
	case m.Credential != nil:
		return &CredentialError{Stderr: m.Stderr, Err: m.Credential.failure()}
	}
	e := &remoteError{text: m.Text, timeout: m.Timeout}
	for _, s := range sentinels {
		if slices.Contains(m.Is, s.name) {
			e.causes = append(e.causes, s.err)
		}
	}
	if m.Errno != 0 {
		e.causes = append(e.causes, syscall.Errno(m.Errno))
	}
	return e
}

// A remoteError is an error of another process: its text, and of its tree what
// crossed.
type remoteError struct {
	text    string
	timeout bool
	causes  []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Timeout() bool   { return e.timeout }
func (e *remoteError) Unwrap() []error { return e.causes }
