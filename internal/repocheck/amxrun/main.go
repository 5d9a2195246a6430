//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/unix"
)

func main() {
	if os.Args[0] == starter {
		fail(becomeProgram(os.Args[1:]))
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: amxrun PROGRAM [ARGUMENT]...")
		os.Exit(2)
	}
	if cpuid.CPU.Supports(cpuid.AMXTILE) {
		// Linux lets it execute LDTILECFG without permission, so that amxrun would
		// see half of the instructions.
		fail(errHasAMX)
	}
	runtime.LockOSThread() // ptrace wants all its calls from one thread
	program, err := start(os.Args[1:])
	if err != nil {
		fail(err)
	}
	go forwardSignals(program)
	status, err := trace(program)
	if err != nil {
		fail(err)
	}
	if status.Signaled() {
		fmt.Fprintf(os.Stderr, "amxrun: %s ended by signal: %v\n", os.Args[1], status.Signal())
		os.Exit(128 + int(status.Signal()))
	}
	os.Exit(status.ExitStatus())
}

var errHasAMX = errors.New("this processor has AMX: let it run the program")

func fail(err error) {
	fmt.Fprintln(os.Stderr, "amxrun:", err)
	os.Exit(1)
}

// forwardSignals hands on what someone sends to end this program, such as go
// test after its timeout. The signals of a terminal's keys reach both anyway.
func forwardSignals(program int) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP, unix.SIGINT)
	for s := range signals {
		if s != unix.SIGINT {
			unix.Kill(program, s.(syscall.Signal))
		}
	}
}
