package server

import (
	"math"
	"net/http"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// targetRows are the ids of a target_prompt_logprobs tensor, by prompt position:
// row i is about position i+1 of a prompt of so many tokens. Dense rows have all
// columns, sparse ones what is listed.
func targetRows(t *wire.Tensor, prompt int) ([][]int32, error) {
	const field = "target_prompt_logprobs"
	switch {
	case t.DType != wire.Int64:
		return nil, badValue(field+".dtype", t.DType, "want %s", wire.Int64)
	case len(t.Shape) != 2:
		return nil, badValue(field+".shape", t.Shape, "want 2 dimensions: one less than the prompt's tokens, and ids per token")
	case t.Shape[0] != int64(prompt-1):
		return nil, badValue(field+".shape", t.Shape, "want %d rows, one less than the prompt's tokens", prompt-1)
	}
	ids := make([]int32, len(t.Ints))
	for i, id := range t.Ints {
		if id < -1 || id > math.MaxInt32 {
			return nil, refuse(http.StatusBadRequest, "%s.data[%d] = %d: want a token id, or -1 to ask nothing", field, i, id)
		}
		ids[i] = int32(id)
	}
	rows := make([][]int32, prompt-1)
	for i := range rows {
		from, to := rowOf(t, i)
		rows[i] = ids[from:to:to]
	}
	return rows, nil
}

// rowOf says where row i of a two-dimensional tensor is in its numbers.
func rowOf(t *wire.Tensor, i int) (from, to int64) {
	if t.Sparse() {
		return t.CrowIndices[i], t.CrowIndices[i+1]
	}
	return int64(i) * t.Shape[1], int64(i+1) * t.Shape[1]
}

// targetTensor lays rows of log probabilities out as the request's tensor is.
func targetTensor(asked *wire.Tensor, rows [][]float32) (*wire.Tensor, error) {
	if err := checkLength("rows of target log probabilities", len(rows), int(asked.Shape[0])); err != nil {
		return nil, err
	}
	out := &wire.Tensor{DType: wire.Float32, Shape: asked.Shape, CrowIndices: asked.CrowIndices, ColIndices: asked.ColIndices}
	for i, row := range rows {
		from, to := rowOf(asked, i)
		if err := checkLength("target log probabilities", len(row), int(to-from)); err != nil {
			return nil, err
		}
		out.Floats = append(out.Floats, row...)
	}
	return out, nil
}

// altTokens are the drawn ids as dense tables of k columns.
func altTokens(k, prompt int, rows [][]engine.TokenLogprob) (*wire.PromptAltTokens, error) {
	if err := checkLength("rows of alternative tokens", len(rows), prompt-1); err != nil {
		return nil, err
	}
	shape := []int64{int64(prompt - 1), int64(k)}
	tokens := &wire.Tensor{DType: wire.Int64, Shape: shape}
	logprobs := &wire.Tensor{DType: wire.Float32, Shape: shape}
	for _, row := range rows {
		if err := checkLength("alternative tokens", len(row), k); err != nil {
			return nil, err
		}
		for _, cell := range row {
			tokens.Ints = append(tokens.Ints, int64(cell.ID))
			logprobs.Floats = append(logprobs.Floats, cell.Logprob)
		}
	}
	return &wire.PromptAltTokens{Tokens: tokens, Logprobs: logprobs}, nil
}
