package transport

import (
	"syscall"
	"unsafe"
)

// readNow and writeNow are calls for sockets that never wait, as those of package
// net are, so the Go scheduler need not be told of them. It would take each call
// that follows an idle moment as the time to wake its monitor, another thread: a
// sixth of what a client computes for a sample. They return [syscall.EAGAIN] if
// there is nothing to read, or no room.

func readNow(fd uintptr, b []byte) (int, error) { return now(syscall.SYS_READ, fd, b) }

func writeNow(fd uintptr, b []byte) (int, error) { return now(syscall.SYS_WRITE, fd, b) }

func now(call, fd uintptr, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
