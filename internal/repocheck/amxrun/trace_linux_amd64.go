package main

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"tinsmith.example/internal/repocheck/amxrun/amx"
)

// A tracer holds the tiles of each thread that has used any. As on Linux with
// AMX, a new thread, a forked one too, begins without.
type tracer struct {
	units map[int]*amx.Unit
}

// trace lets the program and all that it starts run until the program ends.
func trace(program int) (unix.WaitStatus, error) {
	t := tracer{units: map[int]*amx.Unit{}}
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait4: %w", err)
		}
		switch {
		case status.Stopped():
			// ESRCH: killed since it stopped. That it ended is another report.
			if err := t.stopped(tid, status); err != nil && !errors.Is(err, unix.ESRCH) {
				return 0, fmt.Errorf("thread %d: %w", tid, err)
			}
		case tid == program:
			return status, nil
		default:
			delete(t.units, tid)
		}
	}
}

// stopped lets a thread go on that has stopped.
func (t *tracer) stopped(tid int, status unix.WaitStatus) error {
	signal := status.StopSignal()
	switch event := int(status >> 16); {
	case event == unix.PTRACE_EVENT_STOP && signal != unix.SIGTRAP:
		// Stopped by SIGSTOP or its like, together with its process: stays so,
		// until SIGCONT.
		return ptrace(unix.PTRACE_LISTEN, tid, 0)
	case event == unix.PTRACE_EVENT_EXEC:
		delete(t.units, tid)
		return unix.PtraceCont(tid, 0)
	case event != 0: // a new thread or process, in itself or in its parent
		return unix.PtraceCont(tid, 0)
	case signal == unix.SIGILL:
		return t.illegal(tid)
	}
	return unix.PtraceCont(tid, int(signal))
}

// illegal is what happens at SIGILL.
func (t *tracer) illegal(tid int) error {
	var info sigInfo
	if err := ptrace(unix.PTRACE_GETSIGINFO, tid, uintptr(unsafe.Pointer(&info))); err != nil {
		return err
	}
	if info.code <= 0 { // sent by someone
		return unix.PtraceCont(tid, int(unix.SIGILL))
	}
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	done, err := t.execute(tid, &regs)
	if done > 0 {
		// Should the next instruction have failed, then it will do so again, as
		// the first one.
		if err := unix.PtraceSetRegs(tid, &regs); err != nil {
			return err
		}
		return unix.PtraceCont(tid, 0)
	}
	var access *amx.AccessError
	switch {
	case errors.As(err, &access):
		return t.fault(tid, sigInfo{signal: int32(unix.SIGSEGV), code: segvMapErr, addr: access.Addr})
	case errors.Is(err, amx.ErrProtection):
		return t.fault(tid, sigInfo{signal: int32(unix.SIGSEGV), code: siKernel})
	case err != nil && !errors.Is(err, amx.ErrInvalidOpcode):
		return err
	}
	return unix.PtraceCont(tid, int(unix.SIGILL))
}

// execute carries out the AMX instructions at a thread's program counter, up to
// one that is none or that fails, and says how many. It moves regs.Rip.
func (t *tracer) execute(tid int, regs *unix.PtraceRegs) (done int, err error) {
	unit := t.units[tid]
	if unit == nil {
		unit = new(amx.Unit)
		t.units[tid] = unit
	}
	m := memory{pid: tid}
	r := amx.Registers{RIP: regs.Rip, General: [16]uint64{
		regs.Rax, regs.Rcx, regs.Rdx, regs.Rbx, regs.Rsp, regs.Rbp, regs.Rsi, regs.Rdi,
		regs.R8, regs.R9, regs.R10, regs.R11, regs.R12, regs.R13, regs.R14, regs.R15,
	}}
	var code []byte
	for {
		if len(code) < longest {
			code = m.code(r.RIP)
		}
		in, ok := amx.Decode(code)
		if !ok {
			return done, nil
		}
		if err := unit.Execute(in, &r, m); err != nil {
			return done, err
		}
		regs.Rip, code = r.RIP, code[in.Len:]
		done++
	}
}

// fault gives a thread that has stopped for a signal another one instead, as
// its processor would.
func (t *tracer) fault(tid int, info sigInfo) error {
	if err := ptrace(unix.PTRACE_SETSIGINFO, tid, uintptr(unsafe.Pointer(&info))); err != nil {
		return err
	}
	return unix.PtraceCont(tid, int(info.signal))
}

// A sigInfo is siginfo_t of a fault.
type sigInfo struct {
	signal, errno, code, _ int32
	addr                   uint64
	_                      [104]byte
}

const (
	segvMapErr = 1    // SEGV_MAPERR: nothing is at this address
	siKernel   = 0x80 // SI_KERNEL: what Linux says for #GP
)

// ptrace is a request without an address.
func ptrace(request, tid int, data uintptr) error {
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), 0, data, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
