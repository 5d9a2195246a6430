package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Peer is another server that does the same loads, in turn with the engine.
type Peer struct {
	Kind string // "llama", "vllm" or "tinker"
	URL  string

	runner
	noScore bool // it has no call for log probabilities of a prompt
}

// can says whether the peer has a call for the load.
func (p *Peer) can(l *Load) bool { return !p.noScore || !l.scores() }

// A PeerError says that a peer did not do what was asked of it.
type PeerError struct {
	Kind, URL string
	Want      string // what was expected of it, such as "a llama-server that answers POST /completion"
	Err       error
}

func (e *PeerError) Error() string {
	return fmt.Sprintf("%s at %s: expected %s: %v", e.Kind, e.URL, e.Want, e.Err)
}
func (e *PeerError) Unwrap() error { return e.Err }

// contactTime is how long a peer may take to say that it is there.
const contactTime = 10 * time.Second

// answerMost bounds an answer: those with the log probabilities of a prompt
// have some 100 bytes a token.
const answerMost = 64 << 20

// server is a peer that speaks JSON over HTTP.
type server struct {
	kind, url string
	name      string // of its program
	client    *http.Client
}

func newServer(kind, url, name string) *server {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 200 // all jobs of a load at once, and the connections kept for the next
	return &server{kind, strings.TrimRight(url, "/"), name, &http.Client{Transport: transport}}
}

// reach asks a server at its path whether it is there.
func (s *server) reach(ctx context.Context, path string, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, contactTime, fmt.Errorf("no answer within %v", contactTime))
	defer cancel()
	return s.do(ctx, http.MethodGet, path, nil, answer)
}

func (s *server) post(ctx context.Context, path string, body, answer any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return s.do(ctx, http.MethodPost, path, b, answer)
}

// do makes a call and reads its answer. Errors are *PeerError, or ctx's cause.
func (s *server) do(ctx context.Context, method, path string, body []byte, answer any) error {
	err := s.call(ctx, method, path, body, answer)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Cause(ctx)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return s.fault(method, path, err)
}

func (s *server) fault(method, path string, err error) error {
	return &PeerError{s.kind, s.url, fmt.Sprintf("a %s that answers %s %s", s.name, method, path), err}
}

func (s *server) call(ctx context.Context, method, path string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err // method and URL are in the PeerError
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, answerMost))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s%s", response.Status, excerpt(b))
	}
	if err := json.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("its answer is not the JSON that was expected: %w", err)
	}
	return nil
}

// excerpt is the beginning of an answer that says why, on one line.
func excerpt(body []byte) string {
	const most = 200
	line := strings.Join(strings.Fields(string(body)), " ")
	if line == "" || strings.HasPrefix(line, "<") {
		return ""
	}
	if len(line) > most {
		line = line[:most] + "..."
	}
	return ": " + line
}
