//go:build !purego

package cpu

import "golang.org/x/sys/unix"

// permitTiles asks the kernel to let this process use the tiles of AMX, for as
// long as it lives. Whatever error that gives means that there is no AMX.
func permitTiles() bool {
	const (
		requestPermission = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData          = 18     // XFEATURE_XTILEDATA
	)
	_, _, errno := unix.Syscall(unix.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}
