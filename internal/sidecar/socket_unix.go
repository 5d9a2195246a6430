//go:build unix

package sidecar

import (
	"net"
	"os"
	"runtime"
	"syscall"
)

// executable is this program. On Linux that is the file it was started from, even
// if another one has its name by now.
func executable() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// socketPair returns two ends of a socket, neither of which is passed to other
// processes by accident.
func socketPair() (ours net.Conn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(pair[0])
		syscall.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	file := os.NewFile(uintptr(pair[0]), "child")
	defer file.Close()
	theirs = os.NewFile(uintptr(pair[1]), "parent")
	if ours, err = net.FileConn(file); err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}
