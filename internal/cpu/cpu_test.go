package cpu

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestChosenIsOneOfTheLevels: each level that is here can be asked for by its
// name, each other is refused by an error that names it and what there is.
func TestChosenIsOneOfTheLevels(t *testing.T) {
	for i, name := range names {
		t.Setenv(Variable, name)
		l, err := Chosen()
		if slices.Contains(Levels(), Level(i)) {
			if l != Level(i) || err != nil {
				t.Errorf("%s: got %v, %v", name, l, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), Best().String()+" at best") {
			t.Errorf("%s is not here: got %v, %v", name, l, err)
		}
	}
	t.Setenv(Variable, "")
	if l, err := Chosen(); l != Best() || err != nil {
		t.Errorf("unset: got %v, %v, want %v", l, err, Best())
	}
	t.Setenv(Variable, "abacus")
	if _, err := Chosen(); err == nil || !strings.Contains(err.Error(), "abacus") || !strings.Contains(err.Error(), "neon") {
		t.Errorf("abacus: got %v, want an error that names it and the levels", err)
	}
}

func TestLevelsAreOfThisArchitecture(t *testing.T) {
	if Levels()[0] != Portable {
		t.Errorf("the slowest of %v is not portable", Levels())
	}
	of := map[string][]Level{"amd64": {AVX2, AVX512}, "arm64": {NEON}}[runtime.GOARCH]
	for _, l := range Levels()[1:] {
		if !slices.Contains(of, l) {
			t.Errorf("%v is not of %s", l, runtime.GOARCH)
		}
	}
}
