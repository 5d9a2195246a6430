//go:build !(amd64 || arm64) || purego

package cpu

func levels() []Level { return []Level{Portable} }

func best() Level { return Portable }
