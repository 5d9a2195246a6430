package kernel

import (
	"os"
	"slices"
	"testing"

	"tinsmith.example/internal/cpu"
)

// scratch is what the tests compute with.
var scratch = NewScratch()

// atEveryLevel runs test with each set of kernels that this machine has.
func atEveryLevel(t *testing.T, test func(t *testing.T)) {
	old := level
	defer func() { level = old }()
	for _, l := range cpu.Levels() {
		t.Run(l.String(), func(t *testing.T) {
			level = l
			test(t)
		})
	}
}

// TestEveryLevelIsExercised: the tests that call atEveryLevel run with each set
// of kernels that this machine has, and with the one TINSMITH_CPU_EXPECT names.
func TestEveryLevelIsExercised(t *testing.T) {
	if want := os.Getenv("TINSMITH_CPU_EXPECT"); want != "" && level.String() != want {
		t.Errorf("the kernels that run are %v of %v, expected %s", level, cpu.Levels(), want)
	}
	var ran []cpu.Level
	atEveryLevel(t, func(*testing.T) { ran = append(ran, level) })
	if !slices.Equal(ran, cpu.Levels()) {
		t.Errorf("ran with %v, this machine has %v", ran, cpu.Levels())
	}
}
