//go:build !unix

package transport

import "net"

// Without a look at idle connections there are none of this kind.
const canProbe = false

type socket struct{ net.Conn }

func (s *socket) begin(dialed net.Conn) { s.Conn = dialed }

func (*socket) quiet() bool { return false }
