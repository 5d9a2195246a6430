package engine

import (
	"bufio"
	"bytes"
	"os"
	"strconv"

	"tinsmith.example/internal/engine/sched"
)

// fallbackFree is taken for the free memory where the system does not say.
const fallbackFree = 4 << 30

// defaultBlocks is how many blocks of the KV cache fit half of the free memory,
// and at least one whole context.
func defaultBlocks(blockBytes, context int) int {
	half := freeMemory() / 2
	return max(int(half/int64(blockBytes)), (context+sched.BlockPositions-1)/sched.BlockPositions)
}

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
