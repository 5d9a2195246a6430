//go:build unix

package sidecar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// In the children that these tests start nothing after this runs.
func init() {
	fmt.Println("init functions of other packages may print")
	Main(func(note func([]byte)) Handler {
		return func(ctx context.Context, payload []byte, about func([]byte)) []byte {
			return handle(ctx, payload, about, note)
		}
	})
}

// parentOnly is set in TestMain, which children do not reach.
var parentOnly bool

func TestMain(m *testing.M) {
	parentOnly = true
	if len(os.Args) > 1 && os.Args[1] == "orphan-maker" {
		makeOrphan()
	}
	goleak.VerifyTestMain(m)
}

// handle does what the tests ask the child for.
func handle(ctx context.Context, payload []byte, about, note func([]byte)) []byte {
	what, with, _ := strings.Cut(string(payload), " ")
	switch what {
	case "echo":
		return []byte(with)
	case "wait":
		note([]byte("waiting"))
		<-ctx.Done()
		return []byte("canceled")
	case "ignore": // the end of the call
		note([]byte("waiting"))
		select {}
	case "facts":
		_, marked := os.LookupEnv(marker)
		return fmt.Appendf(nil, "%d %d %t %t %d", runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1), marked, parentOnly, len(os.Args))
	case "large":
		n, err := strconv.Atoi(with)
		if err != nil {
			return []byte(err.Error())
		}
		return make([]byte, n)
	case "notes":
		for i := range 100 {
			note(fmt.Appendf(nil, "note %d", i))
			about(fmt.Appendf(nil, "about %d", i))
		}
		return nil
	case "exit":
		os.Exit(3)
	case "panic":
		panic("about " + with)
	case "garbage":
		os.Stderr.WriteString("garbage is next\n")
		syscall.Write(garbageDescriptor(), []byte("no frame at all, and longer than a header"))
	}
	return []byte("unknown: " + what)
}

// garbageDescriptor is where the socket of the child is once it has been
// duplicated: the lowest one free.
var garbageDescriptor = func() int {
	for fd := 3; fd < 20; fd++ {
		var s syscall.Stat_t
		if syscall.Fstat(fd, &s) == nil && s.Mode&syscall.S_IFMT == syscall.S_IFSOCK {
			return fd
		}
	}
	return -1
}

func child(t *testing.T, noted func([]byte)) *Process {
	t.Helper()
	if noted == nil {
		noted = func([]byte) {}
	}
	p, err := Start(t.Context(), noted)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func ask(t *testing.T, p *Process, payload string) string {
	t.Helper()
	b, err := p.Call(t.Context(), []byte(payload), ignore)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCallsGetTheirOwnResults(t *testing.T) {
	p := child(t, nil)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			want := strings.Repeat(fmt.Sprint(i, "/"), 1+i*i) // up to several hundred KB
			b, err := p.Call(t.Context(), []byte("echo "+want), ignore)
			if err != nil || string(b) != want {
				t.Errorf("call %d: %d bytes, want %d, %v", i, len(b), len(want), err)
			}
		})
	}
	all.Wait()
}

func TestAChildIsASmallProcessWithoutAMain(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "7GiB")
	want := fmt.Sprintf("%d %d false false 1", min(2, runtime.NumCPU()), memoryLimit)
	if got := ask(t, child(t, nil), "facts"); got != want {
		t.Errorf("GOMAXPROCS, memory limit, marked, TestMain ran, arguments: %s, want %s", got, want)
	}
}

func TestTheEndOfACallEndsItInTheChild(t *testing.T) {
	waiting := make(chan struct{}, 1)
	p := child(t, func([]byte) { waiting <- struct{}{} })
	for what, want := range map[string]string{"wait": "canceled", "ignore": ""} {
		reason := errors.New("user left")
		ctx, end := context.WithCancelCause(t.Context())
		go func() {
			<-waiting
			end(reason)
		}()
		b, err := p.Call(ctx, []byte(what), ignore)
		if string(b) != want || want == "" && err != reason {
			t.Errorf("%s: %q, %v", what, b, err)
		}
	}
	ctx, end := context.WithCancelCause(t.Context())
	reason := errors.New("before it began")
	end(reason)
	if _, err := p.Call(ctx, []byte("wait"), ignore); err != reason {
		t.Error(err)
	}
	if got := ask(t, p, "echo still there"); got != "still there" {
		t.Error(got)
	}
}

func TestNotesComeInOrder(t *testing.T) {
	var got []string
	p := child(t, func(b []byte) { got = append(got, string(b)) })
	var about []string
	if _, err := p.Call(t.Context(), []byte("notes"), func(b []byte) { about = append(about, string(b)) }); err != nil {
		t.Fatal(err)
	}
	p.Close() // all have been told of
	if len(about) != 100 || about[0] != "about 0" || about[99] != "about 99" {
		t.Errorf("%d: %q", len(about), about)
	}
	if len(got) != 100 || got[99] != "note 99" || !slices.IsSortedFunc(got, func(a, b string) int { return len(a) - len(b) }) {
		t.Errorf("%d: %q", len(got), got)
	}
}

func TestSignalsForTheProgramDoNotEndTheChild(t *testing.T) {
	p := child(t, nil)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(p.PID(), signal); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, p, "echo "+signal.String()); got != signal.String() {
			t.Errorf("after %v: %q", signal, got)
		}
	}
}

// However a child dies, what was under way fails with what it died of.
func TestTheDeathOfTheChildFailsItsCalls(t *testing.T) {
	for end, want := range map[string]string{
		"exit": "exit status 3", "panic of this": "panic: about of this", "kill": "signal: killed", "garbage": "garbage is next",
	} {
		waiting := make(chan struct{}, 1)
		p := child(t, func([]byte) { waiting <- struct{}{} })
		failed := make(chan error)
		go func() {
			_, err := p.Call(t.Context(), []byte("wait"), ignore)
			failed <- err
		}()
		<-waiting
		if end == "kill" {
			if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		} else {
			p.Call(t.Context(), []byte(end), ignore)
		}
		for when, err := range map[string]error{"under way": <-failed, "after": second(p.Call(t.Context(), []byte("echo"), ignore))} {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Phase != PhaseRun || e.PID != p.PID() || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v, want %q", end, when, err, want)
			}
		}
		<-p.Done()
	}
}

func ignore([]byte) {}

func second[T any](_ T, err error) error { return err }

func TestCloseEndsCallsAndTheChild(t *testing.T) {
	waiting := make(chan struct{}, 1)
	p := child(t, func([]byte) { waiting <- struct{}{} })
	failed := make(chan error)
	go func() {
		_, err := p.Call(t.Context(), []byte("wait"), ignore)
		failed <- err
	}()
	<-waiting
	p.Close()
	p.Close()
	if err := <-failed; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := p.Call(t.Context(), []byte("echo"), ignore); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := syscall.Kill(p.PID(), 0); err != syscall.ESRCH {
		t.Errorf("the process is still there: %v", err)
	}
}

func TestWhatIsTooLargeFailsAlone(t *testing.T) {
	p := child(t, nil)
	_, here := p.Call(t.Context(), make([]byte, MaxPayload+1), ignore)
	_, there := p.Call(t.Context(), []byte("large "+strconv.Itoa(MaxPayload+1)), ignore)
	for _, err := range []error{here, there} {
		if e, ok := errors.AsType[*Error](err); !ok || e.Phase != PhaseCall || !strings.Contains(err.Error(), "335544321 bytes, want at most 335544320") {
			t.Error(err)
		}
	}
	if n := len(ask(t, p, "large "+strconv.Itoa(10*readAtOnce))); n != 10*readAtOnce {
		t.Errorf("%d bytes", n)
	}
}

func TestAStartThatFailsSaysWhy(t *testing.T) {
	dir := t.TempDir()
	script := func(text string) string {
		path := filepath.Join(dir, strconv.Itoa(len(text)))
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ended, end := context.WithCancel(t.Context())
	end()
	soon, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	for _, tt := range []struct {
		ctx        context.Context
		executable string
		want       string
	}{
		{t.Context(), filepath.Join(dir, "missing"), "no such file"},
		{t.Context(), script("echo sorry >&2; exit 4"), "exit status 4); it said: sorry"},
		{t.Context(), script("printf 'something that is no frame at all' >&3; exec sleep 100"), "a frame of kind"},
		{ended, script("exec sleep 100"), "context canceled"},
		{soon, script("exec sleep 10"), "context deadline exceeded"},
	} {
		p, err := start(tt.ctx, tt.executable, func([]byte) {})
		e, ok := errors.AsType[*Error](err)
		if p != nil || !ok || e.Phase != PhaseStart || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

// A marker alone makes no child: whatever has it without a parent must not go on
// as the program that it is not.
func TestAMarkerWithoutAParentExits(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	said := func(payloads ...[]byte) *os.File { // a socket from which these come
		ours, theirs, err := socketPair()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ours.Close(); theirs.Close() })
		for _, b := range payloads {
			if _, err := ours.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		return theirs
	}
	silent := said()
	for name, tt := range map[string]struct {
		nonce string
		three *os.File
		slow  bool
	}{
		"no descriptor":       {nonce: "n"},
		"a file":              {nonce: "n", three: file},
		"another nonce":       {nonce: "n", three: said(written(t, frame{kind: hello, payload: []byte("m")}))},
		"no nonce":            {nonce: "", three: said(written(t, frame{kind: hello}))},
		"another first frame": {nonce: "n", three: said(written(t, frame{kind: call, payload: []byte("n")}))},
		"no frame":            {nonce: "n", three: said([]byte("this is not a frame"))},
		"silence":             {nonce: "n", three: silent, slow: true},
	} {
		if tt.slow && testing.Short() {
			continue
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), marker+"="+tt.nonce)
		if tt.three != nil {
			cmd.ExtraFiles = []*os.File{tt.three}
		}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 70 || !strings.Contains(string(out), "has no parent") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// makeOrphan is a program that starts a child, says which, and waits to be killed.
func makeOrphan() {
	p, err := Start(context.Background(), func([]byte) {})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go p.Call(context.Background(), []byte("wait"), ignore)
	fmt.Println("child", p.PID())
	select {}
}

func TestTheChildEndsWithItsParent(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "orphan-maker")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	var pid int
	for pid == 0 {
		var b bytes.Buffer
		for c := make([]byte, 1); c[0] != '\n'; {
			if _, err := out.Read(c); err != nil {
				t.Fatal(err)
			}
			b.Write(c)
		}
		fmt.Sscanf(b.String(), "child %d", &pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for alive(pid) { // the test's own deadline bounds this
		time.Sleep(10 * time.Millisecond)
	}
}

// alive reports whether a process runs; one that has ended and that nobody has
// waited for does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(status), ") Z ")
}

// A socket that is passed by accident would keep the child from seeing the end.
func TestNoOtherProcessHasTheSocket(t *testing.T) {
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	raw, err := ours.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	check := func(fd uintptr) {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFD, 0)
		if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d is passed on: %v", fd, errno)
		}
	}
	if err := raw.Control(check); err != nil {
		t.Fatal(err)
	}
	if raw, err = theirs.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(check); err != nil {
		t.Fatal(err)
	}
}
