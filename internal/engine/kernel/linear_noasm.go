//go:build !amd64 || purego

package kernel

func linearRows(a linearArgs) { linearGeneric(a) }
