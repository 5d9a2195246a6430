//go:build !(amd64 || arm64) || purego

package kernel

func add(x, y []float32)                           { addGeneric(x, y) }
func scale(x []float32, s float32)                 { scaleGeneric(x, s) }
func rotate(lo, hi, cos, sin []float32)            { rotateGeneric(lo, hi, cos, sin) }
func rescaleAdd(out, span []float32, a, b float32) { rescaleAddGeneric(out, span, a, b) }
func divide(dst, x []float32, by float32)          { divideGeneric(dst, x, by) }
