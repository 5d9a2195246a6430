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
	calls   map[uint64]*waiting // under way; nil: the child has ended
	last    uint64              // the latest call's number
	closing bool
	notes   mailbox // about no call

	work sync.WaitGroup // read and tell
	done chan struct{}  // closed once err is set, which then does not change
	err  *Error
}

// A waiting is a call that is under way.
type waiting struct {
	answered chan result // has room for the one that comes
	notes    mailbox
}

type result struct {
	payload []byte
	err     error
}

// A mailbox has notes that nobody has been told of, under the process's mutex.
type mailbox struct {
	notes [][]byte
	wake  chan struct{} // has room for one: there are some
}

func newMailbox() mailbox { return mailbox{wake: make(chan struct{}, 1)} }

func (m *mailbox) put(payload []byte) {
	m.notes = append(m.notes, payload)
	select {
	case m.wake <- struct{}{}:
	default: // whoever wakes up sees this one, too
	}
}

// Start starts a child, and returns once it answers. noted is called with what it
// notes about no call, in order, by one goroutine. Every error is an *Error, and wraps
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
		calls: map[uint64]*waiting{}, notes: newMailbox(), done: make(chan struct{}),
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
// the cause. Every other error is an *Error. noted is called with what the Handler
// notes about the call, in order, before Call returns.
func (p *Process) Call(ctx context.Context, payload []byte, noted func([]byte)) ([]byte, error) {
	if err := checkPayload(payload); err != nil {
		return nil, &Error{Phase: PhaseCall, PID: p.PID(), Err: err}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	id, w, err := p.register()
	if err != nil {
		return nil, err
	}
	defer p.forget(id)
	if err := p.send(ctx, frame{kind: call, call: id, payload: payload}); err != nil {
		return nil, err
	}
	r, err := p.await(ctx, w, noted)
	if err == nil {
		return r.payload, r.err
	}
	grace, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), cancelGrace, err)
	defer stop()
	if err := p.send(grace, frame{kind: cancel, call: id}); err != nil {
		return nil, err
	}
	if r, err = p.await(grace, w, noted); err != nil {
		return nil, err
	}
	return r.payload, r.err
}

// await returns the result of a call and tells of its notes, or returns the cause
// if ctx ends first.
func (p *Process) await(ctx context.Context, w *waiting, noted func([]byte)) (result, error) {
	for {
		select {
		case <-w.notes.wake:
			p.deliver(&w.notes, noted)
		case r := <-w.answered:
			p.deliver(&w.notes, noted) // those that came before it
			return r, nil
		case <-ctx.Done():
			return result{}, context.Cause(ctx)
		}
	}
}

// deliver tells of the notes in a mailbox.
func (p *Process) deliver(m *mailbox, noted func([]byte)) {
	p.mu.Lock()
	notes := m.notes
	m.notes = nil
	p.mu.Unlock()
	for _, payload := range notes {
		noted(payload)
	}
}

func (p *Process) register() (uint64, *waiting, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closing:
		return 0, nil, &Error{Phase: PhaseRun, PID: p.PID(), Err: ErrClosed}
	case p.calls == nil:
		return 0, nil, p.err
	}
	p.last++
	w := &waiting{answered: make(chan result, 1), notes: newMailbox()}
	p.calls[p.last] = w
	return p.last, w, nil
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
	for _, w := range p.calls {
		w.answered <- result{err: p.err}
	}
	p.calls = nil
	p.mu.Unlock()
	close(p.done)
}

func (p *Process) take(f frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.calls[f.call] // nil: about no call, or nobody waits for it any more
	switch f.kind {
	case note:
		switch {
		case f.call == 0:
			p.notes.put(f.payload)
		case w != nil:
			w.notes.put(f.payload)
		}
		return nil
	case reply, refuse:
	default:
		return fmt.Errorf("the child sent a frame of kind %d", f.kind)
	}
	if w == nil {
		return nil
	}
	delete(p.calls, f.call)
	r := result{payload: f.payload}
	if f.kind == refuse {
		r = result{err: &Error{Phase: PhaseCall, PID: p.PID(), Err: errors.New(string(f.payload))}}
	}
	w.answered <- r
	return nil
}

// tell passes on notes about no call. Whoever is told may be slow, and results do
// not wait.
func (p *Process) tell() {
	for {
		select {
		case <-p.notes.wake:
			p.deliver(&p.notes, p.noted)
		case <-p.done:
			p.deliver(&p.notes, p.noted)
			return
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
