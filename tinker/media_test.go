package tinker

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"tinsmith.example/internal/wire"
)

func TestLengthsOfPrompts(t *testing.T) {
	text := EncodedText{[]int32{1, 2, 3}}
	sound := DMel{[]byte{0, 2, 3, 4, 9}}
	for _, tt := range []struct {
		chunks []Chunk
		length int
		exact  bool
		size   int64
	}{
		{nil, 0, true, 0},
		{[]Chunk{text, text}, 6, true, 60},
		{[]Chunk{text, sound}, 6, true, 35},
		{[]Chunk{DMel{[]byte{254, 7, 1, 0x80, 0x01}}}, 128, true, 5},
		{[]Chunk{Image{Data: make([]byte, 100), ExpectedTokens: 4}, text}, 7, false, 130},
		{[]Chunk{ImageAsset{Location: "here"}, text}, 3, false, 34},
	} {
		m := ModelInput{tt.chunks}
		if m.Len() != tt.length || m.exact() != tt.exact || m.size() != tt.size {
			t.Errorf("%v: length %d (exact: %v), size %d", tt.chunks, m.Len(), m.exact(), m.size())
		}
	}
}

func TestMediaThatCannotBeRightAreRefusedByName(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		client := f.sampling(t, SamplingClientConfig{})
		data := []byte{1}
		for _, tt := range []struct {
			field string
			chunk Chunk
		}{
			{"Prompt.Chunks[0].Data", Image{Format: ImagePNG}},
			{"Prompt.Chunks[0].Format", Image{Data: data}},
			{"Prompt.Chunks[0].Format", Image{Data: data, Format: "gif"}},
			{"Prompt.Chunks[0].ExpectedTokens", Image{Data: data, Format: ImageJPEG, ExpectedTokens: -1}},
			{"Prompt.Chunks[0].Location", ImageAsset{Format: ImagePNG}},
			{"Prompt.Chunks[0].Format", ImageAsset{Location: "x"}},
			{"Prompt.Chunks[0].Container", DMel{}},
			{"Prompt.Chunks[0].Container", DMel{[]byte{254}}},
			{"Prompt.Chunks[0].Container", DMel{[]byte{8, 1, 1}}},
			{"Prompt.Chunks[0].Container", DMel{[]byte{0}}},
			{"Prompt.Chunks[0].Container", DMel{[]byte{0, 0}}},
			{"Prompt.Chunks[0].Container", DMel{[]byte{0, 1, 0x80}}},
			{"Prompt.Chunks[0].Container", DMel{append([]byte{0, 1}, slices.Repeat([]byte{0x80}, 10)...)}},
			{"Prompt.Chunks[0].Container", DMel{[]byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0x7f}}},
		} {
			_, err := client.Sample(t.Context(), &SampleRequest{Prompt: ModelInput{[]Chunk{tt.chunk}}})
			if e, ok := errors.AsType[*ArgumentError](err); !ok || e.Field != tt.field || e.Limit == "" {
				t.Errorf("%s: got %v", tt.field, err)
			}
		}
	})
}

func FuzzContainerLen(f *testing.F) {
	f.Add([]byte{0, 2, 3, 4})
	f.Add([]byte{254, 7, 1, 0x80, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, err := containerLen(data); err == nil && (n < 0 || n > math.MaxInt32) {
			t.Errorf("length %d", n)
		}
	})
}

// How long a prompt with an image is, only the server knows: its lists have to
// agree with each other.
func TestLongerPromptsThanExpectedAreTheServersToKnow(t *testing.T) {
	prompt := ModelInput{[]Chunk{Image{Data: []byte{1}, Format: ImagePNG}, EncodedText{[]int32{1}}}}
	nan := float32(math.NaN())
	for _, tt := range []struct {
		lastN, topK int
		rows        int
		want        string
	}{{0, 1, 4, ""}, {3, 1, 4, ""}, {0, 1, 3, "rows of topk_prompt_logprobs"}, {5, 0, 4, "want at least 5"}, {4, 0, 4, ""}} {
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			r := &wire.SampleResponse{Sequences: plain.Sequences, PromptLogprobs: []float32{nan, -1, -2, -3}}
			if tt.lastN > 0 {
				r.PromptLogprobs[1] = nan
				if tt.lastN == 3 {
					r.PromptLogprobs[1] = -1
				}
			}
			if tt.topK > 0 {
				r.TopKPromptLogprobs = &wire.TopK{K: 1, Rows: make([][]wire.TokenLogprob, tt.rows)}
			}
			f.result(r)
			_, err := f.sampling(t, SamplingClientConfig{}).Sample(t.Context(), &SampleRequest{
				Prompt: prompt, PromptLogprobs: true, PromptLogprobsLastN: tt.lastN, TopKPromptLogprobs: tt.topK,
			})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v: %v", tt, err)
			}
		})
	}
}

func TestSparseTargetsGiveTheSameRows(t *testing.T) {
	nan := float32(math.NaN())
	rows := [][]int32{{5, -1}, {}, {-1, 6, 7}}
	want := [][]float32{{-5, nan}, {}, {nan, -6, -7}}
	good := wire.Tensor{DType: wire.Float32, Floats: []float32{-5, -6, -7}, Shape: []int64{3, 3}, CrowIndices: []int64{0, 1, 1, 3}, ColIndices: []int64{0, 1, 2}}
	other := good
	other.ColIndices = []int64{0, 0, 2}
	dense := wire.Tensor{DType: wire.Float32, Floats: make([]float32, 9), Shape: []int64{3, 3}}
	for _, answer := range []*wire.Tensor{&good, &other, &dense, nil} {
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			f.result(&wire.SampleResponse{Sequences: plain.Sequences, TargetPromptLogprobs: answer})
			r, err := f.sampling(t, SamplingClientConfig{}).Sample(t.Context(), &SampleRequest{
				Prompt: FromTokens([]int32{1, 2, 3, 4}), TargetPromptLogprobs: &TargetTokens{Rows: rows, Sparse: true},
			})
			if answer != &good {
				if e, ok := errors.AsType[*AnswerError](err); !ok || !strings.Contains(e.Reason, "target_prompt_logprobs") {
					t.Errorf("%+v: got %v", answer, err)
				}
				return
			}
			same := func(a, b float32) bool { return a == b || a != a && b != b }
			if err != nil || !slices.EqualFunc(r.TargetPromptLogprobs, want, func(a, b []float32) bool { return slices.EqualFunc(a, b, same) }) {
				t.Errorf("got %v, %v", r, err)
			}
			const sent = `{"data":[5,6,7],"dtype":"int64","shape":[3,3],"sparse_crow_indices":[0,1,1,3],"sparse_col_indices":[0,1,2]}`
			if raw := string(f.to(wire.PathSample)[0].raw); !strings.Contains(raw, sent) {
				t.Errorf("sent %s", raw)
			}
		})
	}
}
