package kernel

import (
	"os"
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

// TestExpectedLevel fails where TINSMITH_CPU_EXPECT names a level that this
// machine or build does not have: its kernels would go untested unseen.
func TestExpectedLevel(t *testing.T) {
	want := os.Getenv("TINSMITH_CPU_EXPECT")
	if want == "" {
		return
	}
	for _, l := range cpu.Levels() {
		if l.String() == want {
			return
		}
	}
	t.Errorf("the levels here are %v, expected %s among them", cpu.Levels(), want)
}
