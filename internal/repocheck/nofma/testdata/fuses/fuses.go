// Package fuses is what nofma has to find.
package fuses

// Single and Double may be compiled to one instruction each.
func Single(a, b, c float32) float32 {
	p := a * b
	return p + c
}

func Double(a, b, c float64) float64 { return c + a*b }
