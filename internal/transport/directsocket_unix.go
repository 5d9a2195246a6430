//go:build unix

package transport

import (
	"io"
	"net"
	"os"
	"syscall"
)

const canProbe = true

// A socket is a connection that one goroutine at a time reads, writes and probes,
// by readNow and writeNow, where the system lets it.
type socket struct {
	net.Conn
	raw                     syscall.RawConn // nil: it is no socket
	reading, writing, probe func(fd uintptr) bool

	// Of the call that is under way:
	bytes []byte
	n     int
	err   error
	one   [1]byte
}

// begin makes s that of an open connection. The functions are for the scheduler,
// which calls them until they say true, whenever there may be something new.
func (s *socket) begin(dialed net.Conn) {
	s.Conn = dialed
	at, ok := dialed.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := at.SyscallConn()
	if err != nil {
		return
	}
	s.raw = raw
	s.reading = func(fd uintptr) bool {
		s.n, s.err = readNow(fd, s.bytes)
		return s.err != syscall.EAGAIN
	}
	s.writing = func(fd uintptr) bool {
		for s.n < len(s.bytes) {
			n, err := writeNow(fd, s.bytes[s.n:])
			if err != nil {
				s.err = err
				return err != syscall.EAGAIN
			}
			s.n += n
		}
		s.err = nil
		return true
	}
	s.probe = func(fd uintptr) bool {
		_, s.err = readNow(fd, s.one[:])
		return true // do not wait
	}
}

func (s *socket) Read(b []byte) (int, error) {
	if s.raw == nil || len(b) == 0 {
		return s.Conn.Read(b)
	}
	err := s.do("read", s.raw.Read, s.reading, b)
	switch {
	case err != nil:
		return 0, err
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

func (s *socket) Write(b []byte) (int, error) {
	if s.raw == nil {
		return s.Conn.Write(b)
	}
	err := s.do("write", s.raw.Write, s.writing, b)
	return s.n, err
}

// do has call run f over b. Errors are those of package net.
func (s *socket) do(name string, call func(func(uintptr) bool) error, f func(uintptr) bool, b []byte) error {
	s.bytes, s.n, s.err = b, 0, nil
	err := call(f)
	s.bytes = nil
	if err == nil && s.err != nil {
		err = &net.OpError{Op: name, Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: os.NewSyscallError(name, s.err)}
	}
	return err
}

// quiet reports whether the server has neither closed the connection nor sent
// anything, which Go's own Read would wait for. If it has, the connection is of no
// use any more, and a byte may have been read.
func (s *socket) quiet() bool {
	if s.raw == nil {
		return true
	}
	err := s.raw.Read(s.probe)
	return err == nil && s.err == syscall.EAGAIN
}
