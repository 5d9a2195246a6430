package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"tinsmith.example/internal/wire"
)

// knockTime is how long a server may take to say that it is there.
const knockTime = 5 * time.Second

// knockMost is how much of its answer is read; one of the API is far shorter.
const knockMost = 64 << 10

// knock fails if there is no server of the API at base. A client of the API
// tries again for minutes, as a program that trains for days should; a person
// who mistyped a URL wants to know at once. Any answer in JSON will do: what
// a server refuses is for the calls to say.
func knock(ctx context.Context, base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, knockTime, fmt.Errorf("no answer within %v", knockTime))
	defer cancel()
	r, err := http.NewRequestWithContext(limited, http.MethodGet, u.JoinPath(wire.PathHealthz).String(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultTransport.RoundTrip(r) // which follows no redirects, as the API's clients do not
	switch {
	case errors.Is(err, http.ErrSchemeMismatch), is[tls.RecordHeaderError](err):
		return &strangerError{base, "it does not speak https", true}
	case err != nil:
		return noAnswer(ctx, limited, base, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, knockMost))
	if err != nil {
		return noAnswer(ctx, limited, base, err)
	}
	if !json.Valid(body) {
		return &strangerError{base, fmt.Sprintf("it answers %s with %s, and no JSON", wire.PathHealthz, response.Status), false}
	}
	return nil
}

// noAnswer says why there is none: the server had no time to answer if the command
// has ended before.
func noAnswer(command, limited context.Context, base string, err error) error {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		<-limited.Done() // sockets know its deadline, and may be first
	}
	switch {
	case command.Err() != nil:
		return &waitError{"an answer from " + base, context.Cause(command)}
	case limited.Err() != nil:
		return &unreachableError{base, context.Cause(limited)}
	}
	return &unreachableError{base, err}
}

// An unreachableError says that nothing answers at a server's URL.
type unreachableError struct {
	url string
	err error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("no server at %s: %v", e.url, e.err)
}
func (e *unreachableError) Unwrap() error { return e.err }

// A strangerError says that what answers at a URL is no server of the API.
type strangerError struct {
	url, reason string
	noTLS       bool // the URL's scheme is https, and nothing there speaks it
}

func (e *strangerError) Error() string {
	return fmt.Sprintf("%s is not a server of the Tinker API: %s", e.url, e.reason)
}
