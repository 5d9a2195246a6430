//go:build !(amd64 || arm64) || purego

package kernel

func countFrom(x []float32, floor float32) int { return countFromGeneric(x, floor) }

func massFrom(x, w []float32, floor, least float32) int64 {
	return massFromGeneric(x, w, floor, least)
}

func gather(dstX []float32, dstY []uint32, x []float32, y []uint32, above, below float32) int {
	return gatherGeneric(dstX, dstY, x, y, above, below)
}

func part(dstX, dstW, x, w []float32, lower, upper float32) (n int, over int64) {
	return partByTwo(dstX, dstW, x, w, lower, upper)
}
