package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"tinsmith.example/internal/wire/pb"
)

// errNotBinary is why a result that must be protobuf is not read.
var errNotBinary = errors.New("not a protobuf message")

// A StopReason says why a sequence ended.
type StopReason string

const (
	StopReasonStop   StopReason = "stop"   // a stop token, a stop text or the end of sequence, all kept in the tokens
	StopReasonLength StopReason = "length" // max_tokens, or the context was full
)

// A SampleResponse is the result of a SampleRequest. What was not asked for, or
// is empty, is nil. A log probability that was not computed is NaN.
type SampleResponse struct {
	Sequences            []Sequence
	PromptLogprobs       []float32 // one per prompt token
	TopKPromptLogprobs   *TopK     // one row per prompt token
	PromptCacheHitTokens int
	TargetPromptLogprobs *Tensor // Float32, laid out like the request's
	PromptAltTokens      *PromptAltTokens
}

// A Sequence is one sample.
type Sequence struct {
	StopReason StopReason
	Tokens     []int32
	Logprobs   []float32 // one per token
	TopK       *TopK     // one row per token
}

// PromptAltTokens are draws at each prompt position but the first, as dense
// [prompt-1, k] tensors: Int64 ids and their Float32 log probabilities.
type PromptAltTokens struct {
	Tokens, Logprobs *Tensor
}

// MarshalBinary returns r as protobuf.
func (r *SampleResponse) MarshalBinary() ([]byte, error) {
	m := &pb.SampleResponse{PromptCacheHitTokens: int32(r.PromptCacheHitTokens)}
	for i, s := range r.Sequences {
		sequence := &pb.SampledSequence{Tokens: appendInt32s(s.Tokens)}
		switch s.StopReason {
		case StopReasonStop:
			sequence.StopReason = pb.StopReason_STOP_REASON_STOP
		case StopReasonLength:
			sequence.StopReason = pb.StopReason_STOP_REASON_LENGTH
		default:
			return nil, fmt.Errorf("wire: sequences[%d]: unknown stop reason %q", i, s.StopReason)
		}
		if len(s.Logprobs) > 0 {
			sequence.Logprobs = appendFloat32s(s.Logprobs)
		}
		var err error
		if sequence.TopkSampledLogprobs, err = s.TopK.message(); err != nil {
			return nil, fmt.Errorf("wire: sequences[%d].topk_sampled_logprobs: %w", i, err)
		}
		m.Sequences = append(m.Sequences, sequence)
	}
	if len(r.PromptLogprobs) > 0 {
		m.PromptLogprobs = appendFloat32s(r.PromptLogprobs)
	}
	var err error
	if m.TopkPromptLogprobs, err = r.TopKPromptLogprobs.message(); err != nil {
		return nil, fmt.Errorf("wire: topk_prompt_logprobs: %w", err)
	}
	if t := r.TargetPromptLogprobs; t != nil {
		if m.TargetPromptLogprobs, err = t.message(); err != nil {
			return nil, fmt.Errorf("wire: target_prompt_logprobs: %w", err)
		}
	}
	if a := r.PromptAltTokens; a != nil {
		m.PromptAltTokens = &pb.PromptAltTokens{}
		if m.PromptAltTokens.Tokens, err = a.Tokens.message(); err != nil {
			return nil, fmt.Errorf("wire: prompt_alt_tokens.tokens: %w", err)
		}
		if m.PromptAltTokens.Logprobs, err = a.Logprobs.message(); err != nil {
			return nil, fmt.Errorf("wire: prompt_alt_tokens.logprobs: %w", err)
		}
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// DecodeSampleResponse reads the protobuf form. Every error is a *FormatError:
// a message cut short, byte strings that do not divide into numbers, tables
// shorter than they claim, and unknown stop reasons and element types.
// Whether there are as many numbers as were asked for is not checked here.
func DecodeSampleResponse(data []byte) (*SampleResponse, error) {
	var m pb.SampleResponse
	if err := proto.Unmarshal(data, &m); err != nil {
		return nil, &FormatError{Err: fmt.Errorf("%w: %w", errNotBinary, err)}
	}
	r := &SampleResponse{
		Sequences:            make([]Sequence, len(m.Sequences)),
		PromptCacheHitTokens: int(m.PromptCacheHitTokens),
	}
	for i, s := range m.Sequences {
		if err := r.Sequences[i].decode(s); err != nil {
			return nil, within(fmt.Sprintf("sequences[%d]", i), err)
		}
	}
	var err error
	if r.PromptLogprobs, err = parseFloat32s(m.PromptLogprobs); err != nil {
		return nil, within("prompt_logprobs", err)
	}
	if r.TopKPromptLogprobs, err = decodeTopK(m.TopkPromptLogprobs); err != nil {
		return nil, within("topk_prompt_logprobs", err)
	}
	if m.TargetPromptLogprobs != nil {
		if r.TargetPromptLogprobs, err = decodeTensor(m.TargetPromptLogprobs); err != nil {
			return nil, within("target_prompt_logprobs", err)
		}
	}
	if a := m.PromptAltTokens; a != nil {
		r.PromptAltTokens = &PromptAltTokens{}
		if r.PromptAltTokens.Tokens, err = decodeTensor(a.Tokens); err != nil {
			return nil, within("prompt_alt_tokens.tokens", err)
		}
		if r.PromptAltTokens.Logprobs, err = decodeTensor(a.Logprobs); err != nil {
			return nil, within("prompt_alt_tokens.logprobs", err)
		}
	}
	return r, nil
}

func (s *Sequence) decode(m *pb.SampledSequence) error {
	switch m.StopReason {
	case pb.StopReason_STOP_REASON_STOP:
		s.StopReason = StopReasonStop
	case pb.StopReason_STOP_REASON_LENGTH:
		s.StopReason = StopReasonLength
	default:
		return &FormatError{Path: "stop_reason", Err: fmt.Errorf("unknown value %d", m.StopReason)}
	}
	var err error
	if s.Tokens, err = parseInt32s(m.Tokens); err != nil {
		return within("tokens", err)
	}
	if s.Logprobs, err = parseFloat32s(m.Logprobs); err != nil {
		return within("logprobs", err)
	}
	if s.TopK, err = decodeTopK(m.TopkSampledLogprobs); err != nil {
		return within("topk_sampled_logprobs", err)
	}
	return nil
}

func (t *Tensor) message() (*pb.Tensor, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	m := &pb.Tensor{Shape: t.Shape}
	var data []byte
	if t.DType == Int64 {
		m.Dtype, data = pb.DType_DTYPE_INT64, appendInt64s(t.Ints)
		if small, ok := narrow(t.Ints); ok {
			m.Dtype, data = pb.DType_DTYPE_INT32, appendInt32s(small)
		}
	} else {
		m.Dtype, data = pb.DType_DTYPE_FLOAT32, appendFloat32s(t.Floats)
	}
	if !t.Sparse() {
		m.Encoding = &pb.Tensor_Dense{Dense: data}
		return m, nil
	}
	m.Encoding = &pb.Tensor_SparseCsr{SparseCsr: &pb.SparseCsr{
		Values: data, CrowIndices: appendInt64s(t.CrowIndices), ColIndices: appendInt64s(t.ColIndices),
	}}
	return m, nil
}

// narrow returns list as int32s if they all fit: half the bytes, and readers
// widen them again.
func narrow(list []int64) ([]int32, bool) {
	small := make([]int32, len(list))
	for i, n := range list {
		if n < math.MinInt32 || n > math.MaxInt32 {
			return nil, false
		}
		small[i] = int32(n)
	}
	return small, true
}

func decodeTensor(m *pb.Tensor) (*Tensor, error) {
	if m == nil {
		return nil, &FormatError{Err: errMissing}
	}
	t := &Tensor{Shape: m.Shape}
	if t.Shape == nil {
		t.Shape = []int64{} // protobuf cannot say absent: no dimension, one number
	}
	data := m.GetDense()
	var err error
	if csr := m.GetSparseCsr(); csr != nil {
		data = csr.Values
		if t.CrowIndices, err = parseWide(csr.CrowIndices); err != nil {
			return nil, within("crow_indices", err)
		}
		if t.ColIndices, err = parseWide(csr.ColIndices); err != nil {
			return nil, within("col_indices", err)
		}
	}
	switch m.Dtype {
	case pb.DType_DTYPE_FLOAT32:
		t.DType = Float32
		t.Floats, err = parseFloat32s(data)
	case pb.DType_DTYPE_INT64:
		t.DType = Int64
		t.Ints, err = parseWide(data)
	case pb.DType_DTYPE_INT32:
		t.DType = Int64
		var small []int32
		small, err = parseInt32s(data)
		t.Ints = make([]int64, len(small))
		for i, n := range small {
			t.Ints[i] = int64(n)
		}
	default:
		return nil, &FormatError{Path: "dtype", Err: fmt.Errorf("%v cannot be read here", m.Dtype)}
	}
	if err != nil {
		return nil, err
	}
	if err := t.Check(); err != nil {
		return nil, &FormatError{Err: err}
	}
	return t, nil
}

// The numbers in byte strings are little-endian.

func appendInt32s(list []int32) []byte {
	b := make([]byte, 0, 4*len(list))
	for _, n := range list {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return b
}

func appendInt64s(list []int64) []byte {
	b := make([]byte, 0, 8*len(list))
	for _, n := range list {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func appendFloat32s(list []float32) []byte {
	b := make([]byte, 0, 4*len(list))
	for _, f := range list {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// parseInt32s never returns nil without an error.
func parseInt32s(b []byte) ([]int32, error) {
	if err := divides(b, 4); err != nil {
		return nil, err
	}
	list := make([]int32, len(b)/4)
	for i := range list {
		list[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return list, nil
}

// parseWide never returns nil without an error.
func parseWide(b []byte) ([]int64, error) {
	if err := divides(b, 8); err != nil {
		return nil, err
	}
	list := make([]int64, len(b)/8)
	for i := range list {
		list[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return list, nil
}

// parseFloat32s returns nil for no bytes: absent and empty mean the same.
func parseFloat32s(b []byte) ([]float32, error) {
	if err := divides(b, 4); err != nil || len(b) == 0 {
		return nil, err
	}
	list := make([]float32, len(b)/4)
	for i := range list {
		list[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return list, nil
}

func divides(b []byte, size int) error {
	if len(b)%size != 0 {
		return &FormatError{Err: fmt.Errorf("%d bytes do not divide into numbers of %d bytes", len(b), size)}
	}
	return nil
}
