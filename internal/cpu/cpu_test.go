package cpu

import (
	"fmt"
	"os"
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
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), fmt.Sprint(Levels())) {
			t.Errorf("%s is not here: got %v, %v", name, l, err)
		}
	}
	t.Setenv(Variable, "")
	if l, err := Chosen(); l != Best() || err != nil {
		t.Errorf("unset: got %v, %v, want %v", l, err, Best())
	}
	t.Setenv(Variable, "abacus")
	if _, err := Chosen(); err == nil || !strings.Contains(err.Error(), "abacus") || !strings.Contains(err.Error(), "portable") {
		t.Errorf("abacus: got %v, want an error that names it and the levels", err)
	}
}

func TestLevelsAreOfThisArchitecture(t *testing.T) {
	if Levels()[0] != Portable {
		t.Errorf("the slowest of %v is not portable", Levels())
	}
	of := map[string][]Level{"amd64": {AVX2, AVX512, AVX512BF16, AMX}, "arm64": {NEON}}[runtime.GOARCH]
	for _, l := range Levels()[1:] {
		if !slices.Contains(of, l) {
			t.Errorf("%v is not of %s", l, runtime.GOARCH)
		}
	}
}

// TestExpectedLevel fails where TINSMITH_CPU_EXPECT names another level than
// the one that runs unless it is told otherwise: tests that were to run its
// kernels would run others, unseen. Package kernel and the pinned answers of
// package engine look for it, too, each in its own build.
func TestExpectedLevel(t *testing.T) {
	want := os.Getenv("TINSMITH_CPU_EXPECT")
	if want == "" {
		return
	}
	if !slices.ContainsFunc(Levels(), func(l Level) bool { return l.String() == want }) {
		t.Errorf("the levels here are %v, expected %s among them", Levels(), want)
	}
	if l, err := Chosen(); err != nil || l.String() != want {
		t.Errorf("chosen is %v (%v), expected %s", l, err, want)
	}
}
