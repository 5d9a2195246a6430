package sidecar

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"testing"
)

func written(t testing.TB, frames ...frame) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, f := range frames {
		if err := writeFrame(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestFramesAreReadAsWritten(t *testing.T) {
	list := []frame{
		{kind: hello, payload: []byte("nonce")}, {kind: call, call: 1<<64 - 1, payload: []byte{}},
		{kind: reply, call: 7, payload: bytes.Repeat([]byte("x"), readAtOnce+1)}, {kind: cancel, call: 1, payload: []byte{0}},
	}
	r := bytes.NewReader(written(t, list...))
	for i, want := range list {
		got, err := readFrame(r)
		if err != nil || got.kind != want.kind || got.call != want.call || !bytes.Equal(got.payload, want.payload) {
			t.Errorf("frame %d: %v, %d bytes, %v", i, got.kind, len(got.payload), err)
		}
	}
	if _, err := readFrame(r); err != io.EOF {
		t.Error(err)
	}
}

func TestBadFramesAreRefused(t *testing.T) {
	whole := written(t, frame{kind: call, call: 1, payload: []byte("payload")})
	for n := 1; n < len(whole); n++ {
		if _, err := readFrame(bytes.NewReader(whole[:n])); err != io.ErrUnexpectedEOF {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for name, tt := range map[string]struct {
		length uint32
		kind   kind
		want   string
	}{
		"too long":      {frameHeader - 4 + MaxPayload + 1, call, "a payload of 335544321 bytes"},
		"the longest":   {1<<32 - 1, call, "bytes, want 0 to"},
		"shorter than":  {frameHeader - 5, call, "a payload of -1 bytes"},
		"unknown kind":  {frameHeader - 4, kinds, "kind 7"},
		"unknown kinds": {frameHeader - 4, 255, "kind 255"},
	} {
		b := binary.LittleEndian.AppendUint32(nil, tt.length)
		b = append(append(b, byte(tt.kind)), make([]byte, 8)...)
		if _, err := readFrame(bytes.NewReader(b)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// A length is a claim.
func TestALengthAloneAllocatesLittle(t *testing.T) {
	b := binary.LittleEndian.AppendUint32(nil, frameHeader-4+MaxPayload)
	b = append(append(b, byte(call)), make([]byte, 8+10)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readFrame(bytes.NewReader(b)); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 4*readAtOnce {
		t.Errorf("%d bytes were allocated", took)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(written(f, frame{kind: call, call: 3, payload: []byte("ab")}, frame{kind: cancel, call: 3}))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		var again []byte
		for {
			got, err := readFrame(r)
			if err != nil {
				break
			}
			again = append(again, written(t, got)...)
		}
		if !bytes.HasPrefix(data, again) {
			t.Errorf("%x became %x", data, again)
		}
	})
}
