package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/cpuid/v2"
)

// TestProgramsRunAsIfTheyHadAMX: see testdata/tiles for what each does.
func TestProgramsRunAsIfTheyHadAMX(t *testing.T) {
	amxrun, tiles := build(t, "."), build(t, "./testdata/tiles")
	refusesIfThereIsAMX(t, amxrun)
	for _, tt := range []struct {
		program []string
		status  int
		out     string // part of what it prints
	}{
		{[]string{tiles, "multiply"}, 0, "as expected"},
		{[]string{tiles, "faults"}, 0, "as expected"},
		{[]string{tiles, "exit"}, 7, ""},
		{[]string{tiles, "unconfigured"}, 2, "SIGILL"},
		{[]string{tiles, "undefined"}, 2, "SIGILL"},
		{[]string{"sh", "-c", `echo "$0 $1"; exit 3`, "a b", "c"}, 3, "a b c\n"}, // found in PATH, with its arguments
		{[]string{"sh", "-c", "kill -KILL $$"}, 128 + 9, "ended by signal"},
		{[]string{"sh", "-c", "kill -ILL $$"}, 128 + 4, "ended by signal"}, // sent, so no instruction is looked for
		{[]string{"no such program"}, 1, "no such program"},
		{nil, 2, "usage"},
	} {
		out, err := exec.CommandContext(t.Context(), amxrun, tt.program...).CombinedOutput()
		if status := exitStatus(t, err); status != tt.status || !strings.Contains(string(out), tt.out) {
			t.Errorf("%q: exit status %d, want %d with %q:\n%s", tt.program, status, tt.status, tt.out, out)
		}
	}
}

// TestTheTestProgramFailsByItself, so the test above does not pass without amxrun.
func TestTheTestProgramFailsByItself(t *testing.T) {
	refusesIfThereIsAMX(t, build(t, "."))
	out, err := exec.CommandContext(t.Context(), build(t, "./testdata/tiles"), "exit").CombinedOutput()
	if status := exitStatus(t, err); status != 2 || !strings.Contains(string(out), "SIGILL") {
		t.Errorf("exit status %d, want 2 with SIGILL:\n%s", status, out)
	}
}

// refusesIfThereIsAMX ends the test where the processor has AMX: there is one
// thing for amxrun to do there.
func refusesIfThereIsAMX(t *testing.T, amxrun string) {
	t.Helper()
	if !cpuid.CPU.Supports(cpuid.AMXTILE) {
		return
	}
	out, err := exec.CommandContext(t.Context(), amxrun, "true").CombinedOutput()
	if status := exitStatus(t, err); status != 1 || !strings.Contains(string(out), errHasAMX.Error()) {
		t.Errorf("exit status %d, want 1 with %v:\n%s", status, errHasAMX, out)
	}
	t.Skip("this processor has AMX, where amxrun refuses to run anything")
}

// TestSignalsAreHandedOn: what is sent to amxrun reaches the program, as does a
// stop and its end, and nothing outlives amxrun.
func TestSignalsAreHandedOn(t *testing.T) {
	amxrun := build(t, ".")
	refusesIfThereIsAMX(t, amxrun)
	for _, tt := range []struct {
		script string // prints its process id first
		signal syscall.Signal
		status int
	}{
		{`trap "exit 9" TERM; echo $$; while :; do sleep 0.01; done`, syscall.SIGTERM, 9},
		{`echo $$; kill -STOP $$; exit 4`, syscall.SIGCONT, 4},
		{`echo $$; while :; do sleep 0.01; done`, syscall.SIGKILL, -1},
	} {
		cmd := exec.CommandContext(t.Context(), amxrun, "sh", "-c", tt.script)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 32)
		n, err := out.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		pid := strings.TrimSpace(string(line[:n]))
		if tt.signal == syscall.SIGCONT {
			waitFor(t, "it to stop", func() bool { s := state(pid); return s == "T" || s == "t" })
			if out, err := exec.Command("kill", "-CONT", pid).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		} else if err := cmd.Process.Signal(tt.signal); err != nil {
			t.Error(err)
		}
		if status := exitStatus(t, cmd.Wait()); status != tt.status {
			t.Errorf("%s: exit status %d, want %d", tt.script, status, tt.status)
		}
		waitFor(t, "it to end", func() bool { s := state(pid); return s == "" || s == "Z" })
	}
}

// state is the letter that Linux has for what a process does, or "" for none.
func state(pid string) string {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[0]
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("waited 10 s for %s", what)
}

func build(t *testing.T, folder string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, folder)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return binary
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}
