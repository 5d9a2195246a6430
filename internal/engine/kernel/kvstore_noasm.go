//go:build !(amd64 || arm64) || purego

package kernel

func storeKey(tiles []byte, n int, key []float32)     { storeKeyGeneric(tiles, n, key) }
func storeValue(tiles []byte, k int, value []float32) { storeValueGeneric(tiles, k, value) }
