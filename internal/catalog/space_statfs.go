//go:build linux || darwin

package catalog

import "golang.org/x/sys/unix"

// freeSpace is how many bytes dir's disk has left for this user; -1 if that
// cannot be told.
func freeSpace(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return -1
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
