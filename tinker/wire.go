package tinker

import (
	"fmt"
	"math"
	"slices"

	"tinsmith.example/internal/transport"
	"tinsmith.example/internal/wire"
)

// toWire makes the message for a request that has been checked, sharing nothing
// with it, and returns the prompt's size for admission.
func (r *SampleRequest) toWire() (*wire.SampleRequest, int64, error) {
	chunks := make([]wire.Chunk, len(r.Prompt.Chunks))
	for i, c := range r.Prompt.Chunks {
		var err error
		if chunks[i], err = c.wireChunk(fmt.Sprintf("Prompt.Chunks[%d]", i)); err != nil {
			return nil, 0, err
		}
	}
	m := &wire.SampleRequest{
		NumSamples:           new(r.numSamples()),
		Prompt:               wire.ModelInput{Chunks: chunks},
		SamplingParams:       r.Params.toWire(),
		PromptLogprobs:       r.PromptLogprobs,
		TopKPromptLogprobs:   r.TopKPromptLogprobs,
		TopKSampleLogprobs:   r.TopKSampleLogprobs,
		PromptAltTokensK:     r.PromptAltTokensK,
		TargetPromptLogprobs: r.TargetPromptLogprobs.toWire(),
	}
	if r.PromptLogprobsLastN != 0 {
		m.PromptLogprobsLastN = new(r.PromptLogprobsLastN)
	}
	return m, r.Prompt.size(), nil
}

// toWire puts the API's defaults where the zero value stands for them.
func (p *SamplingParams) toWire() wire.SamplingParams {
	m := wire.SamplingParams{Temperature: new(1.0), TopK: new(-1), TopP: new(1.0), Stop: p.Stop.toWire()}
	if p.MaxTokens != 0 {
		m.MaxTokens = new(p.MaxTokens)
	}
	if p.Seed != nil {
		m.Seed = new(*p.Seed)
	}
	if p.Temperature != nil {
		m.Temperature = new(*p.Temperature)
	}
	if p.TopK != 0 {
		m.TopK = new(p.TopK)
	}
	if p.TopP != 0 {
		m.TopP = new(p.TopP)
	}
	if p.MinP != 0 {
		m.MinP = new(p.MinP)
	}
	return m
}

// clone copies what the caller may change while the call runs.
func (p SamplingParams) clone() SamplingParams {
	if p.Temperature != nil {
		p.Temperature = new(*p.Temperature)
	}
	if p.Seed != nil {
		p.Seed = new(*p.Seed)
	}
	p.Stop.texts, p.Stop.tokens = slices.Clone(p.Stop.texts), slices.Clone(p.Stop.tokens)
	return p
}

func (s *Stop) toWire() wire.Stop {
	switch {
	case s.never:
		return wire.Stop{Kind: wire.StopNever}
	case len(s.texts) == 1:
		return wire.Stop{Kind: wire.StopText, Texts: slices.Clone(s.texts)}
	case len(s.texts) > 1:
		return wire.Stop{Kind: wire.StopTexts, Texts: slices.Clone(s.texts)}
	case len(s.tokens) > 0:
		return wire.Stop{Kind: wire.StopTokens, Tokens: slices.Clone(s.tokens)}
	}
	return wire.Stop{}
}

// toWire pads the rows with -1, which asks nothing, or leaves out what asks
// nothing.
func (t *TargetTokens) toWire() *wire.Tensor {
	if t == nil {
		return nil
	}
	columns := t.columns()
	if columns == 0 { // nothing is asked
		return nil
	}
	m := &wire.Tensor{DType: wire.Int64, Shape: []int64{int64(len(t.Rows)), int64(columns)}}
	if t.Sparse {
		m.CrowIndices, m.ColIndices = []int64{0}, []int64{}
		for _, row := range t.Rows {
			for j, id := range row {
				if id != -1 {
					m.Ints = append(m.Ints, int64(id))
					m.ColIndices = append(m.ColIndices, int64(j))
				}
			}
			m.CrowIndices = append(m.CrowIndices, int64(len(m.Ints)))
		}
		return m
	}
	m.Ints = make([]int64, 0, len(t.Rows)*columns)
	for _, row := range t.Rows {
		for j := range columns {
			id := int64(-1)
			if j < len(row) {
				id = int64(row[j])
			}
			m.Ints = append(m.Ints, id)
		}
	}
	return m
}

func (t *TargetTokens) columns() int {
	columns := 0
	for _, row := range t.Rows {
		columns = max(columns, len(row))
	}
	return columns
}

// clone copies what the caller may change while the call runs.
func (t *TargetTokens) clone() *TargetTokens {
	if t == nil {
		return nil
	}
	rows := make([][]int32, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = slices.Clone(row)
	}
	return &TargetTokens{Rows: rows, Sparse: t.Sparse}
}

// An expectation is what a request says about its answer.
type expectation struct {
	samples, prompt, lastN      int // prompt is -1 if only the server knows
	promptLogprobs              bool
	topKPrompt, topKSample, alt int
	targets                     *TargetTokens
}

func (r *SampleRequest) expectation() expectation {
	prompt := -1
	if r.Prompt.exact() {
		prompt = r.Prompt.Len()
	}
	return expectation{
		samples: r.numSamples(), prompt: prompt, lastN: r.PromptLogprobsLastN, promptLogprobs: r.PromptLogprobs,
		topKPrompt: r.TopKPromptLogprobs, topKSample: r.TopKSampleLogprobs, alt: r.PromptAltTokensK,
		targets: r.TargetPromptLogprobs.clone(),
	}
}

// fromWire makes the response of a result, and refuses one that is not what was
// asked for.
func (e *expectation) fromWire(s *transport.Sampled) (*SampleResponse, error) {
	m, ids := s.Response, s.Promise.SampleSequenceIDs
	if e.prompt < 0 {
		known := *e
		known.prompt = e.promptLen(m)
		e = &known
	}
	if err := count("sequences", len(m.Sequences), e.samples); err != nil {
		return nil, err
	}
	if err := count("sample_sequence_ids", len(ids), e.samples); err != nil {
		return nil, err
	}
	r := &SampleResponse{RequestID: s.Promise.RequestID, PromptCacheHitTokens: m.PromptCacheHitTokens, PromptLogprobs: m.PromptLogprobs}
	for i := range m.Sequences {
		sequence, err := e.sequence(&m.Sequences[i], ids[i])
		if err != nil {
			return nil, fmt.Errorf("sequences[%d]: %w", i, err)
		}
		r.Sequences = append(r.Sequences, sequence)
	}
	if err := e.checkPrompt(r); err != nil {
		return nil, err
	}
	var err error
	if r.TopKPromptLogprobs, err = topKRows("topk_prompt_logprobs", m.TopKPromptLogprobs, e.topKPrompt, e.prompt); err != nil {
		return nil, err
	}
	if r.TargetPromptLogprobs, err = e.targetRows(m.TargetPromptLogprobs); err != nil {
		return nil, err
	}
	if r.PromptAltTokens, err = e.altRows(m.PromptAltTokens); err != nil {
		return nil, err
	}
	return r, nil
}

// promptLen is how long the prompt is, as an answer says that has lists about
// it, all of which then have to agree.
func (e *expectation) promptLen(m *wire.SampleResponse) int {
	switch {
	case e.promptLogprobs:
		return len(m.PromptLogprobs)
	case e.topKPrompt > 0 && m.TopKPromptLogprobs != nil:
		return len(m.TopKPromptLogprobs.Rows)
	case e.alt > 0 && m.PromptAltTokens != nil && m.PromptAltTokens.Tokens != nil && len(m.PromptAltTokens.Tokens.Shape) == 2:
		return int(min(m.PromptAltTokens.Tokens.Shape[0], math.MaxInt32)) + 1
	}
	return 0
}

func count(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("the answer has %d %s, want %d", got, what, want)
	}
	return nil
}

func (e *expectation) sequence(m *wire.Sequence, id string) (Sequence, error) {
	if err := count("logprobs", len(m.Logprobs), len(m.Tokens)); err != nil {
		return Sequence{}, err
	}
	rows, err := topKRows("topk_sampled_logprobs", m.TopK, e.topKSample, len(m.Tokens))
	if err != nil {
		return Sequence{}, err
	}
	return Sequence{ID: id, Tokens: m.Tokens, Logprobs: m.Logprobs, TopK: rows, StopReason: StopReason(m.StopReason)}, nil
}

// checkPrompt also drops log probabilities that nobody asked for.
func (e *expectation) checkPrompt(r *SampleResponse) error {
	if !e.promptLogprobs {
		r.PromptLogprobs = nil
		return nil
	}
	if err := count("prompt_logprobs", len(r.PromptLogprobs), e.prompt); err != nil {
		return err
	}
	if e.lastN > e.prompt {
		return fmt.Errorf("the answer has %d prompt_logprobs, want at least %d", e.prompt, e.lastN)
	}
	if e.lastN > 0 {
		for i, p := range r.PromptLogprobs[:e.prompt-e.lastN] {
			if !math.IsNaN(float64(p)) {
				return fmt.Errorf("prompt_logprobs[%d] is %v, though only the last %d were asked for", i, p, e.lastN)
			}
		}
	}
	return nil
}

// topKRows is nil unless k is positive. A table without any entry may be absent.
func topKRows(what string, m *wire.TopK, k, rows int) ([][]TokenLogprob, error) {
	if k == 0 {
		return nil, nil
	}
	if m == nil && rows > 0 {
		return nil, fmt.Errorf("the answer has no %s", what)
	}
	if m == nil {
		return [][]TokenLogprob{}, nil
	}
	if err := count("rows of "+what, len(m.Rows), rows); err != nil {
		return nil, err
	}
	list := make([][]TokenLogprob, rows)
	for i, row := range m.Rows {
		if len(row) > k {
			return nil, fmt.Errorf("row %d of %s has %d entries, want at most %d", i, what, len(row), k)
		}
		for _, cell := range row {
			list[i] = append(list[i], TokenLogprob(cell))
		}
	}
	return list, nil
}

// targetRows cuts the padding off again.
func (e *expectation) targetRows(m *wire.Tensor) ([][]float32, error) {
	if e.targets == nil {
		return nil, nil
	}
	columns := e.targets.columns()
	if len(e.targets.Rows) > 0 && columns > 0 {
		if e.targets.Sparse {
			return e.sparseRows(m)
		}
		if err := dense("target_prompt_logprobs", m, wire.Float32, len(e.targets.Rows), columns); err != nil {
			return nil, err
		}
	}
	rows := make([][]float32, len(e.targets.Rows))
	for i, asked := range e.targets.Rows {
		rows[i] = make([]float32, len(asked))
		for j, id := range asked {
			rows[i][j] = float32(math.NaN())
			if id != -1 {
				rows[i][j] = m.Floats[i*columns+j]
			}
		}
	}
	return rows, nil
}

// sparseRows reads a table that has only what was asked for, in that order.
func (e *expectation) sparseRows(m *wire.Tensor) ([][]float32, error) {
	asked := e.targets.toWire()
	switch {
	case m == nil:
		return nil, fmt.Errorf("the answer has no target_prompt_logprobs")
	case m.DType != wire.Float32 || !slices.Equal(m.Shape, asked.Shape) || !slices.Equal(m.CrowIndices, asked.CrowIndices) ||
		!slices.Equal(m.ColIndices, asked.ColIndices) || len(m.Floats) != len(asked.Ints):
		return nil, fmt.Errorf("target_prompt_logprobs is not the sparse %s of shape %v that was asked for", wire.Float32, asked.Shape)
	}
	rows, next := make([][]float32, len(e.targets.Rows)), 0
	for i, row := range e.targets.Rows {
		rows[i] = make([]float32, len(row))
		for j, id := range row {
			rows[i][j] = float32(math.NaN())
			if id != -1 {
				rows[i][j] = m.Floats[next]
				next++
			}
		}
	}
	return rows, nil
}

func (e *expectation) altRows(m *wire.PromptAltTokens) ([][]TokenLogprob, error) {
	if e.alt == 0 {
		return nil, nil
	}
	rows := max(e.prompt-1, 0)
	if m == nil && rows > 0 {
		return nil, fmt.Errorf("the answer has no prompt_alt_tokens")
	}
	list := make([][]TokenLogprob, rows)
	if rows == 0 {
		return list, nil
	}
	if err := dense("prompt_alt_tokens.tokens", m.Tokens, wire.Int64, rows, e.alt); err != nil {
		return nil, err
	}
	if err := dense("prompt_alt_tokens.logprobs", m.Logprobs, wire.Float32, rows, e.alt); err != nil {
		return nil, err
	}
	for i := range list {
		for j := range e.alt {
			id := m.Tokens.Ints[i*e.alt+j]
			if id < 0 || id > math.MaxInt32 {
				return nil, fmt.Errorf("prompt_alt_tokens has token id %d, want 0 to %d", id, math.MaxInt32)
			}
			list[i] = append(list[i], TokenLogprob{int32(id), m.Logprobs.Floats[i*e.alt+j]})
		}
	}
	return list, nil
}

// dense checks that m is a full table of that type and shape.
func dense(what string, m *wire.Tensor, dtype string, rows, columns int) error {
	if m == nil {
		return fmt.Errorf("the answer has no %s", what)
	}
	if m.Sparse() || m.DType != dtype || !slices.Equal(m.Shape, []int64{int64(rows), int64(columns)}) {
		return fmt.Errorf("%s is %s of shape %v, want dense %s of shape [%d %d]", what, m.DType, m.Shape, dtype, rows, columns)
	}
	return nil
}
