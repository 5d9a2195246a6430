package main

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"

	"tinsmith.example/internal/repocheck/amxrun/amx"
)

// memory is that of another process. It gives no more access than its pages.
type memory struct{ pid int }

const pageSize = 4096

// longest is how long an instruction can be, and ahead how much code is read at
// once.
const (
	longest = 15
	ahead   = 128
)

// code gives the bytes from addr on, as many as there are of ahead.
func (m memory) code(addr uint64) []byte {
	b := make([]byte, ahead)
	first := min(ahead, pageSize-int(addr%pageSize)) // the next page need not be there
	n, _ := unix.ProcessVMReadv(m.pid, []unix.Iovec{iovec(b)}, []unix.RemoteIovec{
		{Base: uintptr(addr), Len: first},
		{Base: uintptr(addr) + uintptr(first), Len: ahead - first},
	}, 0)
	return b[:max(n, 0)]
}

func (m memory) Read(rows [][]byte, addr, stride uint64) error {
	if span, ok := m.span(rows, addr, stride); ok {
		for i, row := range rows {
			copy(row, span[uint64(i)*stride:])
		}
		return nil
	}
	return m.transfer(unix.ProcessVMReadv, rows, addr, stride)
}

func (m memory) Write(rows [][]byte, addr, stride uint64) error {
	return m.transfer(unix.ProcessVMWritev, rows, addr, stride)
}

// span reads rows and what lies between them, where that is little and all of
// it is there: the kernel takes about 1 µs for each piece it is asked for.
func (m memory) span(rows [][]byte, addr, stride uint64) ([]byte, bool) {
	if stride > 1024 {
		return nil, false
	}
	b := make([]byte, int(stride)*(len(rows)-1)+len(rows[0]))
	n, err := unix.ProcessVMReadv(m.pid, []unix.Iovec{iovec(b)}, []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}, 0)
	return b, err == nil && n == len(b)
}

// transfer reads or writes row by row; rows that follow each other are one piece.
func (m memory) transfer(
	call func(int, []unix.Iovec, []unix.RemoteIovec, uint) (int, error), rows [][]byte, addr, stride uint64,
) error {
	length := len(rows[0])
	here, there := make([]unix.Iovec, len(rows)), make([]unix.RemoteIovec, len(rows))
	for i, row := range rows {
		here[i] = iovec(row)
		there[i] = unix.RemoteIovec{Base: uintptr(addr + uint64(i)*stride), Len: length}
	}
	if stride == uint64(length) {
		there = []unix.RemoteIovec{{Base: uintptr(addr), Len: len(rows) * length}}
	}
	n, err := call(m.pid, here, there, 0)
	switch {
	case err == nil && n == len(rows)*length:
		return nil
	case err != nil && !errors.Is(err, unix.EFAULT):
		return err
	}
	n = max(n, 0)
	return &amx.AccessError{Addr: addr + uint64(n/length)*stride + uint64(n%length)}
}

func iovec(b []byte) unix.Iovec {
	return unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))}
}
