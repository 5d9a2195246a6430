package engine

import (
	"testing"
	"testing/fstest"
)

// TestFreeMemoryKeepsToEveryLimit: of the system and of control groups of both
// versions, the tightest counts.
func TestFreeMemoryKeepsToEveryLimit(t *testing.T) {
	const meminfo = "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:    2000000 kB\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"a system that says nothing", nil, fallbackFree},
		{"the system alone", map[string]string{"proc/meminfo": meminfo}, 2000000 << 10},
		{"a group without limits", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user/x\n",
			"sys/fs/cgroup/user/x/memory.max": "max\n", "sys/fs/cgroup/user/x/memory.current": "5000\n",
		}, 2000000 << 10},
		{"a group's limit, files that can go", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user/x\n",
			"sys/fs/cgroup/user/x/memory.max": "1000000\n", "sys/fs/cgroup/user/x/memory.current": "700000\n",
			"sys/fs/cgroup/user/x/memory.stat": "anon 400000\nfile 300000\ninactive_file 100000\nactive_file 200000\n",
		}, 400000},
		{"the limit of the group above", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/user/x\n",
			"sys/fs/cgroup/user/x/memory.max": "max\n", "sys/fs/cgroup/user/x/memory.current": "700\n",
			"sys/fs/cgroup/user/memory.max": "9000\n", "sys/fs/cgroup/user/memory.current": "1000\n",
		}, 8000},
		{"in a container, whose group is the top", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "7000\n", "sys/fs/cgroup/memory.current": "3000\n",
		}, 4000},
		{"more in use than allowed", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "7000\n", "sys/fs/cgroup/memory.current": "9000\n",
		}, 0},
		{"version 1, whose path is another outside", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/docker/123\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "50000\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "20000\n",
			"sys/fs/cgroup/memory/memory.stat": "total_inactive_file 1000\n",
		}, 31000},
		{"version 1 without a limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "20000\n",
		}, 2000000 << 10},
		{"files that are no such files", map[string]string{
			"proc/meminfo": "MemAvailable:\nMemAvailable: lots kB\n", "proc/self/cgroup": "junk\n0::/../..\n", "sys/fs/cgroup/memory.max": "",
		}, fallbackFree},
	} {
		root := fstest.MapFS{}
		for name, text := range tt.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := freeMemory(root); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
