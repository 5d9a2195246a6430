package main

import (
	"slices"
	"strings"
	"testing"
)

func TestHabits(t *testing.T) {
	numbers := func(flag string) bool { return flag == "--seed" || flag == "-n" }
	for _, tt := range []struct{ args, want string }{
		{"--version", "version"},
		{"help", "--help"},
		{"help serve", "serve --help"},
		{"sample --seed -1 text", "sample --seed=-1 text"},
		{"sample -n -1 text", "sample -n-1 text"},
		{"sample --seed -x", "sample --seed -x"},
		{"sample --seed", "sample --seed"},
		{"sample --stop -1", "sample --stop -1"},
		{"sample -- --seed -1", "sample -- --seed -1"},
		{"sample help", "sample help"},
	} {
		if got := habits(strings.Fields(tt.args), numbers); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%s: got %q, want %q", tt.args, got, tt.want)
		}
	}
}
