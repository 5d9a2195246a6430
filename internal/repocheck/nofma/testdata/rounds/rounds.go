// Package rounds is what nofma has to leave alone.
package rounds

// Single and Double round their products first.
func Single(a, b, c float32) float32 {
	p := float32(a * b)
	return p + c
}

func Double(a, b, c float64) float64 { return c + float64(a*b) }
