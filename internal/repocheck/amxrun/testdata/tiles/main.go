// Command tiles uses AMX in the ways that amxrun's test asks for.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	size  = 32 // rows and columns of an output: two tiles by two
	steps = 3  // of 32 k
)

// multiply is c = a*b with all eight tiles. a has 32*steps bf16 in a row; b has
// steps blocks of 16 rows of 16 pairs, for the left half of c, then for the right.
//
//go:noescape
func multiply(config *[64]byte, c *[size][size]float32, a *[size][32 * steps]uint16, b *[2][steps][16][16][2]uint16, n uintptr)

//go:noescape
func load(config *[64]byte, from *byte)

//go:noescape
func store(config *[64]byte, to *byte)

func configure(config *[64]byte)
func zeroUnconfigured()
func undefined()

func main() {
	var err error
	switch os.Args[1] {
	case "multiply":
		err = multiplyUnderSignals()
	case "faults":
		err = faults()
	case "unconfigured":
		zeroUnconfigured()
	case "undefined":
		undefined()
	case "exit":
		err = check(rand.New(rand.NewPCG(1, 2)))
		if err == nil {
			os.Exit(7)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("as expected")
}

// fullTiles configures eight tiles of 16 rows of 64 bytes.
func fullTiles() *[64]byte {
	var c [64]byte
	c[0] = 1
	for i := range 8 {
		c[16+2*i], c[48+i] = 64, 16
	}
	return &c
}

// check multiplies integers so small that every sum is exact, whatever its order.
func check(r *rand.Rand) error {
	var (
		a      [size][32 * steps]uint16
		b      [2][steps][16][16][2]uint16
		aa, bb [size][32 * steps]int // bb has a column of b in a row
		c      [size][size]float32
	)
	bf16 := func(i int) uint16 { return uint16(math.Float32bits(float32(i)) >> 16) }
	for i := range size {
		for k := range 32 * steps {
			aa[i][k], bb[i][k] = r.IntN(16)-8, r.IntN(16)-8
			a[i][k] = bf16(aa[i][k])
			b[i/16][k/32][k%32/2][i%16][k%2] = bf16(bb[i][k])
		}
	}
	multiply(fullTiles(), &c, &a, &b, steps)
	for i := range size {
		for j := range size {
			want := 0
			for k := range 32 * steps {
				want += aa[i][k] * bb[j][k]
			}
			if c[i][j] != float32(want) {
				return fmt.Errorf("[%d][%d] is %v, want %v", i, j, c[i][j], want)
			}
		}
	}
	return nil
}

// multiplyUnderSignals checks products in many goroutines, while the runtime
// collects garbage and preempts, timers and a profiler go off, signals arrive, and
// other processes do the same.
func multiplyUnderSignals() error {
	if err := pprof.StartCPUProfile(io.Discard); err != nil { // SIGPROF
		return err
	}
	defer pprof.StopCPUProfile()
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR1)
	var signals atomic.Int64
	go func() {
		for range got {
			signals.Add(1)
		}
	}()
	stop := make(chan struct{})
	var background sync.WaitGroup
	background.Go(func() {
		for every := time.NewTicker(200 * time.Microsecond); ; {
			select {
			case <-stop:
				return
			case <-every.C:
				syscall.Kill(os.Getpid(), syscall.SIGUSR1)
				runtime.GC()
			}
		}
	})
	var workers sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		workers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			for range 50 {
				if errs[i] = check(r); errs[i] != nil {
					return
				}
				if r.IntN(10) == 0 {
					runtime.LockOSThread() // and end the thread together with a goroutine
					var inner sync.WaitGroup
					inner.Go(func() { runtime.LockOSThread(); errs[i] = check(r) })
					inner.Wait()
					runtime.UnlockOSThread()
				}
			}
		})
	}
	for range 3 {
		out, err := exec.Command(os.Args[0], "exit").CombinedOutput()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 7 {
			return fmt.Errorf("a child: %v, want exit status 7: %s", err, out)
		}
	}
	workers.Wait()
	close(stop)
	background.Wait()
	if signals.Load() == 0 {
		return errors.New("no signal arrived")
	}
	return errors.Join(errs...)
}

// faults expects panics where a processor refuses: they come from SIGSEGV and
// its address, so both arrive as they should.
func faults() error {
	debug.SetPanicOnFault(true)
	expect := func(what string, addr *byte, do func()) (err error) {
		defer func() {
			switch r := recover().(type) {
			case interface{ Addr() uintptr }:
				if r.Addr() != uintptr(unsafe.Pointer(addr)) {
					err = fmt.Errorf("%s: a fault at %#x, want %p", what, r.Addr(), addr)
				}
			case runtime.Error: // of an address near 0
				if addr != nil {
					err = fmt.Errorf("%s: %v, want a fault at %p", what, r, addr)
				}
			default:
				err = fmt.Errorf("%s: no fault", what)
			}
		}()
		do()
		return nil
	}
	const page = 4096
	pages, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return err
	}
	fill(pages)
	readOnly, nothing := pages[page:], pages[2*page:]
	if err := errors.Join(syscall.Mprotect(readOnly[:page], syscall.PROT_READ), syscall.Mprotect(nothing, syscall.PROT_NONE)); err != nil {
		return err
	}
	bad := fullTiles()
	bad[48] = 17

	load(fullTiles(), &pages[2*page-1024]) // up to the last byte
	err = errors.Join(
		expect("load from 0", nil, func() { load(fullTiles(), nil) }),
		expect("store to 0", nil, func() { store(fullTiles(), nil) }),
		expect("load beyond the end", &nothing[0], func() { load(fullTiles(), &pages[2*page-1023]) }),
		expect("store to a page for reading", &readOnly[0], func() { store(fullTiles(), &readOnly[0]) }),
		expect("17 rows", nil, func() { configure(bad) }),
		check(rand.New(rand.NewPCG(1, 2))), // as well as before
	)
	store(fullTiles(), &pages[1024])
	if !bytes.Equal(pages[1024:2048], make([]byte, 1024)) {
		err = errors.Join(err, errors.New("a fresh tile is not zero"))
	}
	fill(pages[1024:2048])
	for i, b := range pages[:2*page] {
		if b != byte(i)|1 {
			return errors.Join(err, fmt.Errorf("byte %d has changed", i))
		}
	}
	return err
}

func fill(b []byte) {
	for i := range b {
		b[i] = byte(i) | 1
	}
}
