package sidecar

import (
	"errors"
	"fmt"
)

// A Phase says what a child was doing when it failed.
type Phase string

const (
	PhaseStart Phase = "start" // it could not be started, or did not answer
	PhaseRun   Phase = "run"   // it ended, or what it sent made no sense
	PhaseCall  Phase = "call"  // it lives, but could not be asked this
)

// An Error is a child that failed. Calls that were under way have no result.
type Error struct {
	Phase Phase
	PID   int // 0: there was no process
	Err   error
}

func (e *Error) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("sidecar: %s: %v", e.Phase, e.Err)
	}
	return fmt.Sprintf("sidecar: %s: process %d: %v", e.Phase, e.PID, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// ErrClosed is why calls fail once Close has been called.
var ErrClosed = errors.New("the process was told to end")
