package wire

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	"tinsmith.example/internal/wire/pb"
)

func TestSampleResponseRoundTrip(t *testing.T) {
	nan := float32(math.NaN())
	for name, r := range map[string]*SampleResponse{
		"empty": {Sequences: []Sequence{}},
		"everything": {
			Sequences: []Sequence{
				{StopReason: StopReasonStop, Tokens: []int32{0, math.MaxInt32, math.MinInt32}, Logprobs: []float32{nan, -1, float32(math.Inf(-1))},
					TopK: &TopK{K: 2, Rows: [][]TokenLogprob{{{0, -0.5}, {3, -2}}, nil, {{7, -1}}}}},
				{StopReason: StopReasonLength, Tokens: []int32{}},
			},
			PromptLogprobs:       []float32{nan, -0.25},
			TopKPromptLogprobs:   &TopK{K: 1, Rows: [][]TokenLogprob{nil, {{5, 0}}}},
			PromptCacheHitTokens: 64,
			TargetPromptLogprobs: &Tensor{DType: Float32, Floats: []float32{-1, 0}, Shape: []int64{1, 2}},
			PromptAltTokens: &PromptAltTokens{
				Tokens:   &Tensor{DType: Int64, Ints: []int64{1, 1 << 40}, Shape: []int64{1, 2}},
				Logprobs: &Tensor{DType: Float32, Floats: []float32{-3, -4}, Shape: []int64{1, 2}},
			},
		},
	} {
		b, err := r.MarshalBinary()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := DecodeSampleResponse(b)
		if diff := cmp.Diff(r, got, cmpopts.EquateNaNs()); err != nil || diff != "" {
			t.Errorf("%s: %v, want (-), got (+):\n%s", name, err, diff)
		}
	}
}

func TestDamagedResultsAreRefused(t *testing.T) {
	sequence := func(s *pb.SampledSequence) *pb.SampleResponse {
		return &pb.SampleResponse{Sequences: []*pb.SampledSequence{s}}
	}
	target := func(m *pb.Tensor) *pb.SampleResponse { return &pb.SampleResponse{TargetPromptLogprobs: m} }
	dense := func(b []byte) *pb.Tensor_Dense { return &pb.Tensor_Dense{Dense: b} }
	for _, tt := range []struct {
		name string
		m    *pb.SampleResponse
		want string
	}{
		{"tokens", sequence(&pb.SampledSequence{Tokens: make([]byte, 7)}), "sequences[0].tokens: 7 bytes do not divide"},
		{"logprobs", sequence(&pb.SampledSequence{Logprobs: make([]byte, 5)}), "sequences[0].logprobs: 5 bytes"},
		{"prompt", &pb.SampleResponse{PromptLogprobs: make([]byte, 2)}, "prompt_logprobs: 2 bytes"},
		{"top-k ids", &pb.SampleResponse{TopkPromptLogprobs: &pb.TopkLogprobs{TokenIds: make([]byte, 3)}}, "topk_prompt_logprobs.token_ids"},
		{"top-k that lies", sequence(&pb.SampledSequence{TopkSampledLogprobs: &pb.TopkLogprobs{
			TokenIds: make([]byte, 8), Logprobs: make([]byte, 8), K: math.MaxUint32, Length: math.MaxUint32}}), "only 2 cells are there"},
		{"top-k shorter", &pb.SampleResponse{TopkPromptLogprobs: &pb.TopkLogprobs{
			TokenIds: make([]byte, 8), Logprobs: make([]byte, 4), K: 2, Length: 1}}, "only 1 cells"},
		{"no type", target(&pb.Tensor{Encoding: dense(nil)}), "target_prompt_logprobs.dtype"},
		{"bfloat16", target(&pb.Tensor{Dtype: pb.DType_DTYPE_BFLOAT16, Encoding: dense(nil)}), "target_prompt_logprobs.dtype"},
		{"shape that lies", target(&pb.Tensor{Dtype: pb.DType_DTYPE_FLOAT32, Encoding: dense(make([]byte, 4)), Shape: []int64{1 << 40}}), "target_prompt_logprobs: shape"},
		{"half the draws", &pb.SampleResponse{PromptAltTokens: &pb.PromptAltTokens{}}, "prompt_alt_tokens.tokens: is required"},
	} {
		b, err := proto.Marshal(tt.m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeSampleResponse(b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestAWholeMessageCutAnywhereNeverPassesAsMore(t *testing.T) {
	r := &SampleResponse{Sequences: []Sequence{{StopReason: StopReasonStop, Tokens: []int32{1, 2, 3}, Logprobs: []float32{-1, -2, -3}}}}
	b, err := r.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(b); n++ { // no byte at all is the empty response
		if got, err := DecodeSampleResponse(b[:n]); err == nil {
			t.Errorf("cut after %d of %d bytes: %+v", n, len(b), got)
		}
	}
}

func TestWhatCannotBeSaidIsNotWritten(t *testing.T) {
	for name, r := range map[string]*SampleResponse{
		"no stop reason": {Sequences: []Sequence{{}}},
		"row beyond k":   {TopKPromptLogprobs: &TopK{K: 1, Rows: [][]TokenLogprob{{{1, 0}, {2, 0}}}}},
		"wrong shape":    {TargetPromptLogprobs: &Tensor{DType: Float32, Shape: []int64{1}}},
	} {
		if _, err := r.MarshalBinary(); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}
