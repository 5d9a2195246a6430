package sidecar

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	readyWithin = 30 * time.Second // a busy program is slow to start another
	endWithin   = 5 * time.Second  // for a child that has been told to
	cancelGrace = time.Second      // for the result of a call that has been canceled
)

// A Process is a child, seen from the parent. It may be used by any number of
// goroutines.
type Process struct {
	cmd    *exec.Cmd
	conn   net.Conn
	stderr *head
	noted  func([]byte)

	writing chan struct{} // has room for one: whoever fills it may write a frame

	mu      sync.Mutex
	calls   map[uint64]chan result // under way; each channel has room for its result
	last    uint64                 // the latest call's number
	closing bool
	notes   [][]byte // not yet told of
	wake    chan struct{}

	work sync.WaitGroup // read and tell
	done chan struct{}  // closed once err is set, which then does not change
	err  *Error
}

type result struct {
	payload []byte
	err     error
}

// Start starts a child, and returns once it answers. noted is called with what it
// notes, in order, by one goroutine. Every error is an *Error, and wraps
// errors.ErrUnsupported where systems cannot do this.
func Start(ctx context.Context, noted func(payload []byte)) (*Process, error) {
	executable, err := executable()
	if err != nil {
		return nil, &Error{Phase: PhaseStart, Err: err}
	}
	return start(ctx, executable, noted)
}

func start(ctx context.Context, executable string, noted func([]byte)) (*Process, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, &Error{Phase: PhaseStart, Err: err}
	}
	nonce := rand.Text()
	p := &Process{
		conn: ours, stderr: new(head), noted: noted, writing: make(chan struct{}, 1),
		calls: map[uint64]chan result{}, wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	p.cmd = exec.Command(executable)
	p.cmd.Args = slices.Clone(os.Args[:min(1, len(os.Args))]) // not the flags: nobody parses them
	p.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, marker+"=") }), marker+"="+nonce)
	p.cmd.Stderr = p.stderr
	p.cmd.ExtraFiles = []*os.File{theirs} // the first is descriptor 3
	p.cmd.WaitDelay = time.Second         // for what the child started and left behind
	if err := p.greet(ctx, theirs, nonce); err != nil {
		ours.Close()
		if p.cmd.Process == nil {
			return nil, &Error{Phase: PhaseStart, Err: err}
		}
		p.cmd.Process.Kill()
		return nil, &Error{Phase: PhaseStart, PID: p.cmd.Process.Pid, Err: p.describe(err, p.cmd.Wait())}
	}
	p.stderr.reset()
	p.work.Go(p.read)
	p.work.Go(p.tell)
	return p, nil
}

// greet starts the child and waits until it says that it is one.
func (p *Process) greet(ctx context.Context, theirs *os.File, nonce string) error {
	defer theirs.Close()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// The socket holds it until the child reads: it does not depend on how soon
	// this goroutine runs again.
	if err := writeFrame(p.conn, frame{kind: hello, payload: []byte(nonce)}); err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	theirs.Close() // or the end of the child would not be seen
	p.conn.SetReadDeadline(time.Now().Add(readyWithin))
	stop := context.AfterFunc(ctx, func() { p.conn.SetReadDeadline(time.Unix(1, 0)) })
	f, err := readFrame(p.conn)
	stop()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it did not answer within %v", readyWithin)
	case err != nil:
		return err
	case f.kind != ready || string(f.payload) != nonce:
		return errors.New("its first frame is not the answer to ours")
	}
	return p.conn.SetReadDeadline(time.Time{})
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed once the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Call has the child's Handler do something and returns its result. If ctx ends,
// so does the handler's; its result is still returned if it comes soon, and else
// the cause. Every other error is an *Error.
func (p *Process) Call(ctx context.Context, payload []byte) ([]byte, error) {
	if err := checkPayload(payload); err != nil {
		return nil, &Error{Phase: PhaseCall, PID: p.PID(), Err: err}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	id, answered, err := p.register()
	if err != nil {
		return nil, err
	}
	defer p.forget(id)
	if err := p.send(ctx, frame{kind: call, call: id, payload: payload}); err != nil {
		return nil, err
	}
	select {
	case r := <-answered:
		return r.payload, r.err
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), cancelGrace, context.Cause(ctx))
	defer stop()
	if err := p.send(grace, frame{kind: cancel, call: id}); err != nil {
		return nil, err
	}
	select {
	case r := <-answered:
		return r.payload, r.err
	case <-grace.Done():
		return nil, context.Cause(grace)
	}
}

func (p *Process) register() (uint64, chan result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closing:
		return 0, nil, &Error{Phase: PhaseRun, PID: p.PID(), Err: ErrClosed}
	case p.calls == nil: // it has ended
		return 0, nil, p.err
	}
	p.last++
	answered := make(chan result, 1)
	p.calls[p.last] = answered
	return p.last, answered, nil
}

func (p *Process) forget(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, id)
}

// send writes a frame, unless ctx ends first. A frame that has begun is written to
// its end: a child always reads, or has ended.
func (p *Process) send(ctx context.Context, f frame) error {
	select {
	case p.writing <- struct{}{}:
		defer func() { <-p.writing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-p.done:
		return p.err
	}
	if err := writeFrame(p.conn, f); err != nil {
		<-p.done // soon: read fails as well, and knows why
		return p.err
	}
	return nil
}

// read hands out what the child sends until that ends, and then sees the child
// off.
func (p *Process) read() {
	r := bufio.NewReaderSize(p.conn, 1<<16)
	var err error
	for err == nil {
		var f frame
		if f, err = readFrame(r); err == nil {
			err = p.take(f)
		}
	}
	p.conn.Close()
	kill := time.AfterFunc(endWithin, func() { p.cmd.Process.Kill() })
	ended := p.cmd.Wait()
	kill.Stop()

	p.mu.Lock()
	if p.closing {
		err = ErrClosed
	} else {
		err = p.describe(err, ended)
	}
	p.err = &Error{Phase: PhaseRun, PID: p.PID(), Err: err}
	for _, answered := range p.calls {
		select {
		case answered <- result{err: p.err}:
		default: // its result is there
		}
	}
	p.calls = nil
	p.mu.Unlock()
	close(p.done)
}

func (p *Process) take(f frame) error {
	r := result{payload: f.payload}
	switch f.kind {
	case note:
		p.mu.Lock()
		p.notes = append(p.notes, f.payload)
		p.mu.Unlock()
		select {
		case p.wake <- struct{}{}:
		default: // it will see this note, too
		}
		return nil
	case refuse:
		r = result{err: &Error{Phase: PhaseCall, PID: p.PID(), Err: errors.New(string(f.payload))}}
	case reply:
	default:
		return fmt.Errorf("the child sent a frame of kind %d", f.kind)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if answered := p.calls[f.call]; answered != nil {
		delete(p.calls, f.call)
		answered <- r
	}
	return nil
}

// tell passes notes on. Whoever is told may be slow, and results do not wait.
func (p *Process) tell() {
	for ended := false; !ended; {
		select {
		case <-p.wake:
		case <-p.done:
			ended = true
		}
		p.mu.Lock()
		notes := p.notes
		p.notes = nil
		p.mu.Unlock()
		for _, payload := range notes {
			p.noted(payload)
		}
	}
}

// Close tells the child to end, and returns when it has and all notes have been
// told of. Calls under way fail with ErrClosed.
func (p *Process) Close() {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	p.conn.Close()
	p.work.Wait()
}

// describe is why a child is gone: what was seen of it, how it ended, and what it
// said.
func (p *Process) describe(seen, ended error) error {
	var b strings.Builder
	if ended != nil {
		fmt.Fprintf(&b, " (%v)", ended)
	}
	if said := p.stderr.text(); said != "" {
		fmt.Fprintf(&b, "; it said: %s", said)
	}
	if errors.Is(seen, io.EOF) {
		return errors.New("it ended" + b.String())
	}
	return fmt.Errorf("%w%s", seen, b.String())
}

// A head keeps the beginning of what is written to it.
type head struct {
	mu   sync.Mutex
	kept []byte
}

const headBytes = 4 << 10

func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, b[:min(len(b), headBytes-len(h.kept))]...)
	return len(b), nil
}

func (h *head) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = nil
}

func (h *head) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.TrimSpace(string(h.kept))
}
