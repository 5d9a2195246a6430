package bench

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strconv"
)

// resident is how much memory of this process is resident now, and the most
// that was, in bytes: VmRSS and VmHWM of Linux's /proc/self/status. Elsewhere
// both are 0.
func resident() (now, most int64) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0
	}
	return statusBytes(b, "VmRSS:"), statusBytes(b, "VmHWM:")
}

// statusBytes is one line of such a file, which counts in kB; 0 if it is not
// there.
func statusBytes(status []byte, name string) int64 {
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) == 3 && string(fields[0]) == name {
			kb, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			return kb << 10
		}
	}
	return 0
}

// intoPageCache reads a file once, so that it need not come from a disk the next
// time.
func intoPageCache(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}
