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

// code gives the bytes at addr, as many as there are and an instruction can
// have.
func (m memory) code(addr uint64) []byte {
	const longest = 15
	b := make([]byte, longest)
	first := min(longest, pageSize-int(addr%pageSize)) // the next page need not be there
	n, _ := unix.ProcessVMReadv(m.pid, []unix.Iovec{iovec(b)}, []unix.RemoteIovec{
		{Base: uintptr(addr), Len: first},
		{Base: uintptr(addr) + uintptr(first), Len: longest - first},
	}, 0)
	return b[:max(n, 0)]
}

func (m memory) Read(rows [][]byte, addr, stride uint64) error {
	return m.transfer(unix.ProcessVMReadv, rows, addr, stride)
}

func (m memory) Write(rows [][]byte, addr, stride uint64) error {
	return m.transfer(unix.ProcessVMWritev, rows, addr, stride)
}

func (m memory) transfer(
	call func(int, []unix.Iovec, []unix.RemoteIovec, uint) (int, error), rows [][]byte, addr, stride uint64,
) error {
	here, there := make([]unix.Iovec, len(rows)), make([]unix.RemoteIovec, len(rows))
	for i, row := range rows {
		here[i] = iovec(row)
		there[i] = unix.RemoteIovec{Base: uintptr(addr + uint64(i)*stride), Len: len(row)}
	}
	n, err := call(m.pid, here, there, 0)
	length := len(rows[0])
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
