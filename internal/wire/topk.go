package wire

import (
	"fmt"

	"tinsmith.example/internal/wire/pb"
)

// A TokenLogprob is a token id with its log probability.
type TokenLogprob struct {
	Token   int32
	Logprob float32
}

// emptyCell fills the rows of a table that have fewer than K entries.
var emptyCell = TokenLogprob{Token: 0, Logprob: -99999.0}

// A TopK is a table of the likeliest tokens, best first: at most K per row. A nil
// row has none, as at the first position of a prompt.
type TopK struct {
	K    int
	Rows [][]TokenLogprob
}

// message pads the rows. A nil table stays away from the wire.
func (t *TopK) message() (*pb.TopkLogprobs, error) {
	if t == nil {
		return nil, nil
	}
	tokens := make([]int32, 0, len(t.Rows)*t.K)
	logprobs := make([]float32, 0, len(t.Rows)*t.K)
	for i, row := range t.Rows {
		if len(row) > t.K {
			return nil, fmt.Errorf("row %d has %d entries, more than k = %d", i, len(row), t.K)
		}
		for j := range t.K {
			cell := emptyCell
			if j < len(row) {
				cell = row[j]
			}
			tokens, logprobs = append(tokens, cell.Token), append(logprobs, cell.Logprob)
		}
	}
	return &pb.TopkLogprobs{
		TokenIds: appendInt32s(tokens), Logprobs: appendFloat32s(logprobs),
		K: uint32(t.K), Length: uint32(len(t.Rows)),
	}, nil
}

// decodeTopK drops the padding: a row whose first cell is empty becomes nil,
// trailing empty cells go. A table without rows or columns is nil.
func decodeTopK(m *pb.TopkLogprobs) (*TopK, error) {
	if m == nil {
		return nil, nil
	}
	tokens, err := parseInt32s(m.TokenIds)
	if err != nil {
		return nil, within("token_ids", err)
	}
	logprobs, err := parseFloat32s(m.Logprobs)
	if err != nil {
		return nil, within("logprobs", err)
	}
	cells := uint64(m.K) * uint64(m.Length)
	if cells == 0 {
		return nil, nil
	}
	if have := uint64(min(len(tokens), len(logprobs))); have < cells {
		return nil, &FormatError{Err: fmt.Errorf("%d rows of %d cells, but only %d cells are there", m.Length, m.K, have)}
	}
	t := &TopK{K: int(m.K), Rows: make([][]TokenLogprob, m.Length)}
	all := make([]TokenLogprob, cells)
	for i := range all {
		all[i] = TokenLogprob{tokens[i], logprobs[i]}
	}
	for i := range t.Rows {
		row := all[i*t.K : (i+1)*t.K : (i+1)*t.K]
		if row[0] == emptyCell {
			continue
		}
		for row[len(row)-1] == emptyCell {
			row = row[:len(row)-1]
		}
		t.Rows[i] = row
	}
	return t, nil
}
