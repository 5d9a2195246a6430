//go:build unix

package main

import "os"

// stayAwake keeps idle cores from states that take time to leave, until release or
// the end of the process. In a virtual machine, waking a core that was given back
// to the host takes longer than all that a client does for a sample. The interface
// is that of Linux's Documentation/power/pm_qos_interface.rst.
func stayAwake() (release func() error, err error) {
	f, err := os.OpenFile("/dev/cpu_dma_latency", os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write([]byte{0, 0, 0, 0}); err != nil { // microseconds, an int32
		f.Close()
		return nil, err
	}
	return f.Close, nil
}
