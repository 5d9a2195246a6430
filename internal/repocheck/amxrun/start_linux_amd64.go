package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// starter is the name (argument 0) under which this program starts itself to
// become the one that is to be traced, as soon as it is.
const starter = "amxrun: starter"

// gate is the file that tells the starter, by one byte, that it is traced.
const gate = 3

func init() {
	// The main goroutine stays on the main thread: that is the one thread of the
	// starter that is traced, and so has to be the one that becomes the program.
	runtime.LockOSThread()
}

// start begins to run and to trace a program, and gives its process id.
func start(program []string) (pid int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer w.Close()
	defer r.Close()
	// PTRACE_SEIZE and not Go's SysProcAttr.Ptrace: only what is seized can be
	// stopped by SIGSTOP, and starts its threads without one.
	p, err := os.StartProcess("/proc/self/exe", append([]string{starter}, program...),
		&os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, gate: r}})
	if err != nil {
		return 0, err
	}
	const options = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK |
		unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC
	if err := ptrace(unix.PTRACE_SEIZE, p.Pid, options); err != nil {
		p.Kill()
		return 0, fmt.Errorf("this process may not trace another: %w", err)
	}
	_, err = w.Write([]byte{1})
	return p.Pid, err
}

// becomeProgram waits until it is traced. It returns only if it fails.
func becomeProgram(program []string) error {
	if _, err := os.NewFile(gate, "gate").Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("not traced: %w", err)
	}
	unix.CloseOnExec(gate)
	path, err := exec.LookPath(program[0])
	if err != nil {
		return err
	}
	return &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, program, os.Environ())}
}
