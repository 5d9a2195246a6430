package tinker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"tinsmith.example/internal/sidecar"
	"tinsmith.example/internal/wire"
)

func init() { sidecar.Main(newHost) }

// A SidecarPhase says what the process that samples was doing when it failed.
type SidecarPhase string

const (
	SidecarStart SidecarPhase = SidecarPhase(sidecar.PhaseStart) // it could not be started
	SidecarRun   SidecarPhase = SidecarPhase(sidecar.PhaseRun)   // it ended while the call was under way
	SidecarCall  SidecarPhase = SidecarPhase(sidecar.PhaseCall)  // it could not be asked this, and lives
)

// A SidecarError is a call that failed for the process in which it ran, or was to
// run ([WithProcessIsolation]). Whether the server has sampled is not known. The
// next call gets a new process; this package does not repeat the failed one.
//
// Where the system cannot pass a socket to a process it wraps
// errors.ErrUnsupported.
type SidecarError struct {
	Op    string       // the SDK call, such as "SamplingClient.Sample"
	Phase SidecarPhase // what the process was at
	PID   int          // of that process; 0: there was none
	Err   error        // how it failed, with the beginning of what it wrote to its standard error
}

func (e *SidecarError) Error() string {
	process := "the process that samples"
	if e.PID != 0 {
		process += fmt.Sprintf(" (%d)", e.PID)
	}
	failed := map[SidecarPhase]string{
		SidecarStart: "could not be started", SidecarRun: "failed during the call", SidecarCall: "could not be asked",
	}[e.Phase]
	if e.Err == nil {
		return fmt.Sprintf("tinker: %s: %s %s", e.Op, process, failed)
	}
	// It may be an error of this package, whose name is there already.
	return fmt.Sprintf("tinker: %s: %s %s: %s", e.Op, process, failed, strings.TrimPrefix(e.Err.Error(), "tinker: "))
}

func (e *SidecarError) Unwrap() error { return e.Err }

// sidecarError makes an error of package sidecar one of ours.
func sidecarError(op string, err error) error {
	e, ok := errors.AsType[*sidecar.Error](err)
	switch {
	case !ok:
		return &SidecarError{Op: op, Phase: SidecarCall, Err: err}
	case errors.Is(err, sidecar.ErrClosed):
		return ErrClosed
	}
	return &SidecarError{Op: op, Phase: SidecarPhase(e.Phase), PID: e.PID, Err: e.Err}
}

// program is the process in which all isolated clients of this program sample.
var program = sidecarProcess{starting: make(chan struct{}, 1), sessions: map[int64]*isolation{}}

// A sidecarProcess runs while any session uses it.
type sidecarProcess struct {
	starting chan struct{} // has room for one: whoever fills it may set process
	process  *sidecar.Process

	mu       sync.Mutex
	sessions map[int64]*isolation // those that use it, by their numbers
	last     int64                // the latest session's number
}

// join counts a session in, and returns its number.
func (p *sidecarProcess) join(i *isolation) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.sessions[p.last] = i
	return p.last
}

// leave counts a session out. The last one ends the process, and is told before
// of all that was noted there.
func (p *sidecarProcess) leave(number int64) {
	p.starting <- struct{}{}
	defer func() { <-p.starting }()
	p.mu.Lock()
	last := len(p.sessions) == 1
	p.mu.Unlock()
	if last && p.process != nil {
		p.process.Close()
		p.process = nil
	}
	p.mu.Lock()
	delete(p.sessions, number)
	p.mu.Unlock()
}

// running returns the process, which it starts if there is none any more.
func (p *sidecarProcess) running(ctx context.Context) (*sidecar.Process, error) {
	select {
	case p.starting <- struct{}{}:
		defer func() { <-p.starting }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if p.process != nil && !ended(p.process) {
		return p.process, nil
	}
	process, err := sidecar.Start(ctx, p.noted)
	if err != nil {
		return nil, err
	}
	p.process = process
	return process, nil
}

func ended(p *sidecar.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// noted passes a note to the session that it is for, unless that is gone.
func (p *sidecarProcess) noted(payload []byte) {
	var m sidecarNote
	if wire.Decode(payload, &m) != nil {
		return // by this program's own code: it cannot be
	}
	p.mu.Lock()
	session := p.sessions[m.Session]
	p.mu.Unlock()
	if session != nil {
		session.noted(&m)
	}
}
