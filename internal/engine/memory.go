package engine

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
)

// fallbackFree is taken for the free memory where the system does not say.
const fallbackFree = 4 << 30

// defaultBlocks is how many blocks of the KV cache fit half of the free memory.
func defaultBlocks(blockBytes int) int { return int(freeMemory() / 2 / int64(blockBytes)) }

// freeMemory is what the system could give to new work without swapping, in
// bytes: MemAvailable of Linux's /proc/meminfo.
func freeMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return fallbackFree
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) >= 2 && string(fields[0]) == "MemAvailable:" {
			if kb, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
				return kb << 10
			}
		}
	}
	return fallbackFree
}
