//go:build unix && !linux

package transport

import "syscall"

// readNow and writeNow return [syscall.EAGAIN] if there is nothing to read, or no
// room.

func readNow(fd uintptr, b []byte) (int, error) { return now(syscall.Read, fd, b) }

func writeNow(fd uintptr, b []byte) (int, error) { return now(syscall.Write, fd, b) }

func now(call func(int, []byte) (int, error), fd uintptr, b []byte) (int, error) {
	for {
		n, err := call(int(fd), b)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
