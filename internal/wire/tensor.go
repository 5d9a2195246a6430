package wire

import (
	"fmt"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Element types of a Tensor.
const (
	Int64   = "int64"
	Float32 = "float32"
)

// A Tensor is an array of numbers, dense or, with two dimensions, compressed by
// rows (CSR). DType says which of Ints and Floats holds the numbers.
//
// Dense: all numbers, row-major; Shape may be nil in requests. CSR: only the
// listed numbers; Shape is there, and CrowIndices, one more than there are rows,
// say where each row's entries begin in ColIndices.
type Tensor struct {
	DType       string
	Ints        []int64   // Int64
	Floats      []float32 // Float32
	Shape       []int64
	CrowIndices []int64 // nil: dense
	ColIndices  []int64
}

// Sparse reports whether t is compressed by rows.
func (t *Tensor) Sparse() bool { return t.CrowIndices != nil }

// Len returns how many numbers t holds.
func (t *Tensor) Len() int {
	if t.DType == Int64 {
		return len(t.Ints)
	}
	return len(t.Floats)
}

// Check says what is inconsistent about t: its type, or its shape and indices
// against its data. It allocates nothing, whatever sizes the shape claims.
func (t *Tensor) Check() error {
	if t.DType != Int64 && t.DType != Float32 {
		return fmt.Errorf("dtype %q, want %q or %q", clip(t.DType), Int64, Float32)
	}
	cells := int64(1)
	for i, n := range t.Shape {
		switch {
		case n < 0:
			return fmt.Errorf("shape[%d] is %d, which is negative", i, n)
		case n > 0 && cells > math.MaxInt64/n:
			return fmt.Errorf("shape %v has too many cells", t.Shape)
		}
		cells *= n
	}
	if t.Sparse() || t.ColIndices != nil {
		return t.checkSparse()
	}
	if t.Shape != nil && cells != int64(t.Len()) {
		return fmt.Errorf("shape %v has %d cells, but there are %d numbers", t.Shape, cells, t.Len())
	}
	return nil
}

func (t *Tensor) checkSparse() error {
	if len(t.Shape) != 2 {
		return fmt.Errorf("a sparse tensor needs a shape of 2 dimensions, got %v", t.Shape)
	}
	rows, cols, listed := t.Shape[0], t.Shape[1], int64(t.Len())
	if int64(len(t.CrowIndices))-1 != rows {
		return fmt.Errorf("sparse_crow_indices has %d entries, want one more than the %d rows", len(t.CrowIndices), rows)
	}
	if int64(len(t.ColIndices)) != listed {
		return fmt.Errorf("sparse_col_indices has %d entries for %d numbers", len(t.ColIndices), listed)
	}
	if first, last := t.CrowIndices[0], t.CrowIndices[rows]; first != 0 || last != listed {
		return fmt.Errorf("sparse_crow_indices runs from %d to %d, want 0 to %d", first, last, listed)
	}
	for i, end := range t.CrowIndices[1:] {
		start := t.CrowIndices[i]
		if end < start || end > listed {
			return fmt.Errorf("sparse_crow_indices[%d] is %d, want %d to %d", i+1, end, start, listed)
		}
		for j := start; j < end; j++ {
			if c := t.ColIndices[j]; c < 0 || c >= cols {
				return fmt.Errorf("sparse_col_indices[%d] is %d, want 0 to %d", j, c, cols-1)
			}
		}
	}
	return nil
}

// jsonTensor is the JSON form.
type jsonTensor struct {
	Data        jsontext.Value `json:"data"`
	DType       string         `json:"dtype"`
	Shape       jsontext.Value `json:"shape,omitzero"`
	CrowIndices jsontext.Value `json:"sparse_crow_indices,omitzero"`
	ColIndices  jsontext.Value `json:"sparse_col_indices,omitzero"`
}

// MarshalJSONTo writes t. It fails on NaN and infinities.
func (t Tensor) MarshalJSONTo(enc *jsontext.Encoder) error {
	out := jsonTensor{DType: t.DType}
	var err error
	if t.DType == Int64 {
		out.Data = appendInts(t.Ints)
	} else if out.Data, err = appendFloats(t.Floats); err != nil {
		return err
	}
	for _, list := range []struct {
		from []int64
		to   *jsontext.Value
	}{{t.Shape, &out.Shape}, {t.CrowIndices, &out.CrowIndices}, {t.ColIndices, &out.ColIndices}} {
		if list.from != nil {
			*list.to = appendInts(list.from)
		}
	}
	return json.MarshalEncode(enc, out)
}

func appendInts(list []int64) jsontext.Value {
	b := jsontext.Value("[")
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return append(b, ']')
}

func appendFloats(list []float32) (jsontext.Value, error) {
	b := jsontext.Value("[")
	for i, f := range list {
		if d := float64(f); math.IsNaN(d) || math.IsInf(d, 0) {
			return nil, fmt.Errorf("data[%d] is %v, which JSON cannot say", i, f)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(f), 'g', -1, 32)
	}
	return append(b, ']'), nil
}

// UnmarshalJSONFrom reads a tensor and refuses one that [Tensor.Check] does.
func (t *Tensor) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind != '{' && kind != jsontext.KindInvalid {
		return fmt.Errorf("want a tensor object, got %s", kindName(kind))
	}
	var in jsonTensor
	if err := json.UnmarshalDecode(dec, &in); err != nil {
		return err
	}
	*t = Tensor{DType: in.DType}
	if in.Data == nil {
		return &FormatError{Path: "data", Err: errMissing}
	}
	var err error
	if t.DType == Int64 {
		t.Ints, err = parseInt64s(in.Data)
	} else {
		t.Floats, err = parseFloats(in.Data)
	}
	if err != nil {
		return within("data", err)
	}
	for _, list := range []struct {
		name string
		from jsontext.Value
		to   *[]int64
	}{
		{"shape", in.Shape, &t.Shape},
		{"sparse_crow_indices", in.CrowIndices, &t.CrowIndices},
		{"sparse_col_indices", in.ColIndices, &t.ColIndices},
	} {
		if list.from == nil || list.from.Kind() == 'n' {
			continue
		}
		if *list.to, err = parseInt64s(list.from); err != nil {
			return within(list.name, err)
		}
	}
	return t.Check()
}

func parseFloats(raw jsontext.Value) ([]float32, error) {
	var list []float32
	err := eachNumber(raw, func(text []byte) error {
		f, err := strconv.ParseFloat(string(text), 32)
		if err != nil {
			return fmt.Errorf("%s does not fit into a float32", clip(string(text)))
		}
		list = append(list, float32(f))
		return nil
	})
	return list, err
}

// within puts the name of a member before the path of an error inside it.
func within(name string, err error) error {
	if e, ok := err.(*FormatError); ok {
		return &FormatError{Path: joinPath(name, e.Path), Err: e.Err}
	}
	return &FormatError{Path: name, Err: err}
}
