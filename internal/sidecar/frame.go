package sidecar

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// A frame on the socket is
//
//	length   4 bytes, little-endian: of what follows
//	kind     1 byte
//	call     8 bytes, little-endian: which call it is about; 0: none
//	payload  the rest
type frame struct {
	kind    kind
	call    uint64
	payload []byte
}

type kind uint8

const (
	hello  kind = iota // parent to child, first: the nonce
	ready              // child to parent, first: the nonce
	call               // parent to child
	cancel             // parent to child: nobody waits for the call any more
	reply              // child to parent: the call's result
	refuse             // child to parent: why there is none
	note               // child to parent: about the call, or without one
	kinds              // how many there are
)

const (
	frameHeader = 4 + 1 + 8
	// MaxPayload is how many bytes a call, a result or a note may have.
	MaxPayload = 320 << 20
	// readAtOnce is how much is allocated for a payload before any of it has come.
	readAtOnce = 1 << 20
)

// writeFrame writes f by one call of w's, where w is a socket.
func writeFrame(w io.Writer, f frame) error {
	header := binary.LittleEndian.AppendUint32(make([]byte, 0, frameHeader), uint32(frameHeader-4+len(f.payload)))
	header = append(header, byte(f.kind))
	header = binary.LittleEndian.AppendUint64(header, f.call)
	buffers := net.Buffers{header, f.payload}
	_, err := buffers.WriteTo(w)
	return err
}

// readFrame reads the next frame. io.EOF is a stream that ends between frames.
func readFrame(r io.Reader) (frame, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: kind(header[4]), call: binary.LittleEndian.Uint64(header[5:])}
	if f.kind >= kinds {
		return frame{}, fmt.Errorf("a frame of kind %d, want less than %d", f.kind, kinds)
	}
	length := int64(binary.LittleEndian.Uint32(header[:])) - (frameHeader - 4)
	if length < 0 || length > MaxPayload {
		return frame{}, fmt.Errorf("a frame with a payload of %d bytes, want 0 to %d", length, MaxPayload)
	}
	// The length is a claim: memory for more than a little is allocated as it comes.
	if length <= readAtOnce {
		f.payload = make([]byte, length)
		if _, err := io.ReadFull(r, f.payload); err != nil {
			return frame{}, cutShort(err)
		}
		return f, nil
	}
	var payload bytes.Buffer
	if _, err := io.CopyN(&payload, r, length); err != nil {
		return frame{}, cutShort(err)
	}
	f.payload = payload.Bytes()
	return f, nil
}

// cutShort is the error of a stream that ends within a frame.
func cutShort(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func checkPayload(payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("%d bytes, want at most %d", len(payload), MaxPayload)
	}
	return nil
}
