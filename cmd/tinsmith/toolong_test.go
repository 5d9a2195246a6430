package main

import (
	"testing"

	"tinsmith.example/tinker"
)

func TestTooLongNamesWhatFits(t *testing.T) {
	const refusal = "Prompt length plus max_tokens exceeds the model's context window: "
	for _, tt := range []struct {
		numbers  string
		sampling bool
		want     string
	}{
		{"10 + 100 > 64", true, "Ask for at most --max-tokens 54, or give a shorter text."},
		{"64 + 1 > 64", true, "Give a text of at most 63 tokens."},
		{"70 + 2 > 64", true, "Give a text of at most 62 tokens."},
		{"70 + 1 > 64", false, "Give a text of at most 63 tokens."},
	} {
		err := tooLong(&tinker.APIError{Status: 400, Message: refusal + tt.numbers}, tt.sampling)
		if got := advice(err); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.numbers, got, tt.want)
		}
	}
	other := &tinker.APIError{Status: 400, Message: "no such thing"}
	if got := tooLong(other, true); got != other {
		t.Errorf("changed another refusal to %v", got)
	}
}
