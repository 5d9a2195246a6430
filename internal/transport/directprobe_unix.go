//go:build unix

package transport

import "syscall"

const canProbe = true

// A probe looks whether a server has done anything to an idle connection. Go's
// own Read would wait. The zero value is for connections that are not sockets, and
// finds nothing.
type probe struct {
	socket syscall.RawConn
	look   func(fd uintptr) bool // allocated once
	byte   [1]byte
	err    error
}

func (p *probe) begin(at syscall.Conn) {
	socket, err := at.SyscallConn()
	if err != nil {
		return
	}
	p.socket = socket
	p.look = func(fd uintptr) bool {
		_, p.err = syscall.Read(int(fd), p.byte[:])
		return true // do not wait
	}
}

// quiet reports whether the server has neither closed the connection nor sent
// anything. If it has, the connection is of no use any more, and a byte may have
// been read.
func (p *probe) quiet() bool {
	if p.socket == nil {
		return true
	}
	err := p.socket.Read(p.look)
	return err == nil && p.err == syscall.EAGAIN
}
