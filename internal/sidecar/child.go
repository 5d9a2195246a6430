package sidecar

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

// marker is the environment variable that makes a process a child. Its value is
// the nonce that the first frame has to repeat.
const marker = "_TINKER_SIDECAR"

const (
	socketDescriptor = 3
	helloWithin      = 5 * time.Second
	exitNoParent     = 70 // EX_SOFTWARE of sysexits.h

	maxProcs    = 2       // a child is to be quick, not to take what the program computes with
	memoryLimit = 1 << 30 // soft, and not that of the program, which its environment may set
)

// A Handler does what the parent calls for, in the child. It is called in a
// goroutine of its own for each call, whose ctx ends when nobody waits for it any
// more. Until it returns it may note things about the call.
type Handler func(ctx context.Context, payload []byte, note func(payload []byte)) (result []byte)

// Main does nothing unless the process was started by [Start]: then it serves the
// parent and does not return. newHandler gets a function that notes things that
// are about no call; it may be called at any time by any goroutine.
//
// It is to be called by the init function of a package, and costs other processes
// one look at their environment.
func Main(newHandler func(note func(payload []byte)) Handler) {
	nonce, ok := os.LookupEnv(marker)
	if !ok {
		return
	}
	os.Unsetenv(marker) // first: whatever this process starts is none
	// The child ends when the parent does, and not before: a terminal sends its
	// signals to both.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	runtime.GOMAXPROCS(min(maxProcs, runtime.GOMAXPROCS(0)))
	debug.SetMemoryLimit(memoryLimit)
	conn, err := inherited()
	if err == nil {
		err = expectHello(conn, nonce)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "tinker: this process was marked as a child (%s), but has no parent: %v\n", marker, err)
		os.Exit(exitNoParent)
	}
	// init functions run on the main thread, to which their goroutine is tied;
	// others change threads as they like.
	go func() {
		if err := serve(conn, nonce, newHandler); err != nil {
			fmt.Fprintln(os.Stderr, "tinker: child:", err)
			os.Exit(exitNoParent)
		}
		os.Exit(0)
	}()
	select {}
}

// inherited is the socket that the parent passed.
func inherited() (net.Conn, error) {
	file := os.NewFile(socketDescriptor, "parent")
	if file == nil {
		return nil, fmt.Errorf("no descriptor %d", socketDescriptor)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("descriptor %d is no socket", socketDescriptor)
	}
	defer file.Close()
	return net.FileConn(file) // a duplicate, which this process does not pass on
}

func expectHello(conn net.Conn, nonce string) error {
	if err := conn.SetReadDeadline(time.Now().Add(helloWithin)); err != nil {
		return err
	}
	f, err := readFrame(conn)
	if err != nil {
		return err
	}
	if f.kind != hello || nonce == "" || string(f.payload) != nonce {
		return errors.New("the first frame does not repeat the marker's nonce")
	}
	return conn.SetReadDeadline(time.Time{})
}

// A server is the child's end of the socket.
type server struct {
	conn    net.Conn
	handler Handler

	writing sync.Mutex // held while a frame is written

	mu      sync.Mutex
	cancels map[uint64]context.CancelFunc // of the calls under way
}

// serve answers calls until the parent closes the socket, and then returns at
// once: nobody wants the results of what still runs.
func serve(conn net.Conn, nonce string, newHandler func(note func([]byte)) Handler) error {
	s := &server{conn: conn, cancels: map[uint64]context.CancelFunc{}}
	s.handler = newHandler(s.noteAbout(0))
	s.send(frame{kind: ready, payload: []byte(nonce)})
	r := bufio.NewReaderSize(conn, 1<<16)
	for {
		f, err := readFrame(r)
		if err == io.EOF || errors.Is(err, syscall.ECONNRESET) {
			return nil
		}
		if err != nil {
			return err
		}
		switch f.kind {
		case call:
			s.start(f)
		case cancel:
			s.mu.Lock()
			if end := s.cancels[f.call]; end != nil {
				end()
			}
			s.mu.Unlock()
		default:
			return fmt.Errorf("the parent sent a frame of kind %d", f.kind)
		}
	}
}

func (s *server) start(f frame) {
	ctx, end := context.WithCancel(context.Background())
	s.mu.Lock()
	s.cancels[f.call] = end
	s.mu.Unlock()
	go func() {
		result := s.handler(ctx, f.payload, s.noteAbout(f.call))
		s.mu.Lock()
		delete(s.cancels, f.call)
		s.mu.Unlock()
		end()
		if err := checkPayload(result); err != nil {
			s.send(frame{kind: refuse, call: f.call, payload: []byte("a result of " + err.Error())})
			return
		}
		s.send(frame{kind: reply, call: f.call, payload: result})
	}()
}

// noteAbout returns what sends notes about a call. Those that are too large are
// lost.
func (s *server) noteAbout(call uint64) func([]byte) {
	return func(payload []byte) {
		if checkPayload(payload) == nil {
			s.send(frame{kind: note, call: call, payload: payload})
		}
	}
}

// send writes a frame. Where that fails the parent is gone, which serve sees too.
func (s *server) send(f frame) {
	s.writing.Lock()
	defer s.writing.Unlock()
	writeFrame(s.conn, f)
}
