//go:build amd64 && !linux && !purego

package cpu

// Only on Linux is it known how to be permitted the tiles.
func permitTiles() bool { return false }
