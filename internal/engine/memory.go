package engine

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// fallbackFree is taken for the free memory where the system does not say.
const fallbackFree = 4 << 30

// FreeMemory is what this process could take without swapping and without being
// killed for it, in bytes: what Linux calls available or, if that is less, what
// the limits of its control groups leave. Where the system does not say it is
// 4 GiB.
func FreeMemory() int64 { return freeMemory(os.DirFS("/")) }

func freeMemory(root fs.FS) int64 {
	free := int64(fallbackFree)
	if kb, ok := field(root, "proc/meminfo", "MemAvailable:"); ok {
		free = kb << 10
	}
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return free
	}
	for line := range strings.Lines(string(groups)) { // number:controllers:path
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[0] == "0" && parts[1] == "":
			free = min(free, groupFree(root, "sys/fs/cgroup", parts[2], "memory.max", "memory.current", "inactive_file"))
		case strings.Contains(","+parts[1]+",", ",memory,"):
			free = min(free, groupFree(root, "sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"))
		}
	}
	return max(free, 0)
}

// groupFree is what a control group's limit and those of the groups that it is
// in leave. What is in use for files that nobody maps can be had. In a container
// the group's own folder may not be there under its path, but as the top.
func groupFree(root fs.FS, top, group, limit, usage, files string) int64 {
	free := int64(math.MaxInt64)
	for folder := path.Join(top, group); ; folder = path.Dir(folder) {
		most, limited := number(root, path.Join(folder, limit))
		used, known := number(root, path.Join(folder, usage))
		if limited && known {
			cached, _ := field(root, path.Join(folder, "memory.stat"), files)
			free = min(free, most-used+cached)
		}
		if len(folder) <= len(top) {
			return free
		}
	}
}

// number is a file that holds one; that it says "max" means that there is none.
func number(root fs.FS, name string) (int64, bool) {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return n, err == nil
}

// field is the number after a name in a file of such lines.
func field(root fs.FS, file, name string) (int64, bool) {
	b, err := fs.ReadFile(root, file)
	if err != nil {
		return 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if words := bytes.Fields(lines.Bytes()); len(words) >= 2 && string(words[0]) == name {
			n, err := strconv.ParseInt(string(words[1]), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
