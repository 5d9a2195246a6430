package engine

import (
	"slices"
	"testing"
)

// TestOnlyWhatIsAskedIsComputed: the positions whose logits a request needs.
func TestOnlyWhatIsAskedIsComputed(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request Request
		want    []int
	}{
		{"samples alone", Request{}, []int{4}},
		{"prompt log probabilities", Request{PromptLogprobs: true}, []int{0, 1, 2, 3, 4}},
		{"of the last 2", Request{PromptLogprobs: true, PromptLogprobsLastN: 2}, []int{2, 3, 4}},
		{"of the last 2, with top-k", Request{PromptLogprobs: true, TopKPromptLogprobs: 3, PromptLogprobsLastN: 2}, []int{2, 3, 4}},
		{"top-k", Request{TopKPromptLogprobs: 3}, []int{0, 1, 2, 3, 4}},
		{"alternatives", Request{PromptAltTokensK: 1}, []int{0, 1, 2, 3, 4}},
		{"two targets", Request{TargetPromptTokens: [][]int32{{-1}, {7}, {}, {-1, 3}}}, []int{1, 3, 4}},
		{"targets that ask nothing", Request{TargetPromptTokens: [][]int32{{-1}, {-1}, {-1}, {-1}}}, []int{4}},
		{"targets and the last one", Request{TargetPromptTokens: [][]int32{{5}, {}, {}, {}}, PromptLogprobs: true, PromptLogprobsLastN: 1}, []int{0, 3, 4}},
	} {
		tt.request.Prompt = []int32{1, 2, 3, 4, 5}
		if got := wanted(&tt.request); !slices.Equal(got, tt.want) {
			t.Errorf("%s: logits of %v are computed, want %v", tt.name, got, tt.want)
		}
	}
}
