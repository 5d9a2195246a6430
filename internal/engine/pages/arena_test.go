package pages

import (
	"bytes"
	"testing"
	"unsafe"
)

// TestPiecesAreZeroedAlignedAndApart fills every piece with its own value and
// finds it there when all have been handed out, however large they are.
func TestPiecesAreZeroedAlignedAndApart(t *testing.T) {
	var a Arena
	var pieces [][]byte
	for i, n := range []int{0, 1, 63, 64, 65, 4096, slabBytes - 100, 200, slabBytes + 1, 3} {
		p := a.Take(n)
		if len(p) != n || cap(p) != n {
			t.Fatalf("Take(%d) has %d bytes and room for %d", n, len(p), cap(p))
		}
		if n > 0 && uintptr(unsafe.Pointer(&p[0]))%lineBytes != 0 {
			t.Fatalf("Take(%d) begins at %p", n, &p[0])
		}
		for at, b := range p {
			if b != 0 {
				t.Fatalf("Take(%d) has %d at %d", n, b, at)
			}
			p[at] = byte(i + 1)
		}
		pieces = append(pieces, p)
	}
	for i, p := range pieces {
		if bytes.Count(p, []byte{byte(i + 1)}) != len(p) {
			t.Errorf("piece %d of %d bytes was written by another one", i, len(p))
		}
	}
	if err := a.Free(); err != nil {
		t.Error(err)
	}
	if err := a.Free(); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestHeapStandsIn(t *testing.T) {
	data, free := fromHeap(100)
	if len(data) != 100 || uintptr(unsafe.Pointer(&data[0]))%lineBytes != 0 {
		t.Errorf("%d bytes at %p", len(data), &data[0])
	}
	if err := free(); err != nil {
		t.Error(err)
	}
}
