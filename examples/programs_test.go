package examples

import (
	"os/exec"
	"strings"
	"testing"

	"tinsmith.example/local"
)

// The programs that take their server from the environment run, and print a line
// for each sample or token. What they print is compared with what their Python
// twins print by compat/check.
func TestPrograms(t *testing.T) {
	server, err := local.Start(t.Context(), local.Options{TinyModel: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close(t.Context())
	t.Setenv("TINKER_BASE_URL", server.URL())
	t.Setenv("TINKER_API_KEY", server.Key())
	for program, lines := range map[string]int{"generate": 2, "logprobs": 5} {
		cmd := exec.CommandContext(t.Context(), "go", "run", "./"+program, server.BaseModel())
		var problem strings.Builder
		cmd.Stderr = &problem
		out, err := cmd.Output()
		if err != nil || strings.Count(string(out), "\n") < lines {
			t.Errorf("%s: %v\n%s%s", program, err, out, &problem)
		}
	}
}
