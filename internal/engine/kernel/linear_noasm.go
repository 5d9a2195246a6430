//go:build !(amd64 || arm64) || purego

package kernel

func linearRows(a *linearArgs) {
	a.clear()
	linearGeneric(a)
}
