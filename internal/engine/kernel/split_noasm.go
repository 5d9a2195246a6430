//go:build !(amd64 || arm64) || purego

package kernel

func splitBlocks(f form, data []byte, sums, x []float32) { splitBlocksGeneric(f, data, sums, x) }
