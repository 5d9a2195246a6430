package gguf

// A Tensor is one named array of weights.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int64 // sizes, innermost first, each at least 1; empty: one element
	Data  []byte  // rows of packed blocks, outermost size slowest; never written
}

// Elements is the number of weights.
func (t Tensor) Elements() int64 {
	n := int64(1)
	for _, size := range t.Shape {
		n *= size
	}
	return n
}

// RowLen is the number of weights in a row: the innermost size.
func (t Tensor) RowLen() int64 {
	if len(t.Shape) == 0 {
		return 1
	}
	return t.Shape[0]
}

// Rows is the number of rows: the product of all sizes but the innermost.
func (t Tensor) Rows() int64 { return t.Elements() / t.RowLen() }

// RowBytes is the length of a row in Data.
func (t Tensor) RowBytes() int64 { return int64(len(t.Data)) / t.Rows() }

// Row returns row i of Data: 0 <= i < Rows, others panic.
func (t Tensor) Row(i int64) []byte {
	n := t.RowBytes()
	return t.Data[i*n : (i+1)*n : (i+1)*n]
}
