//go:build !linux && !darwin

package catalog

// freeSpace is not known here: a full disk shows when a write fails.
func freeSpace(string) int64 { return -1 }
