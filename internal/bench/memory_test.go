package bench

import "testing"

func TestStatusBytes(t *testing.T) {
	const status = "Name:\ttinsmith\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\nThreads:\t7\nVmLib:\tmany kB\n"
	for name, want := range map[string]int64{"VmRSS:": 1 << 20, "VmHWM:": 2 << 20, "Threads:": 0, "VmLib:": 0, "VmSwap:": 0} {
		if got := statusBytes([]byte(status), name); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
}
