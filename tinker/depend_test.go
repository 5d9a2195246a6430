package tinker

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// goList gives what `go list -deps` says of each package that this one needs.
func goList(t *testing.T, format string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", format, ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	return slices.Compact(lines)
}

// Programs that only talk to a server must not carry one: no engine, no server,
// no weights.
func TestTheSDKLinksNeitherEngineNorServer(t *testing.T) {
	allowed := []string{"hub", "receipt", "sidecar", "telemetry", "tokenizer", "transport", "wire", "wire/pb"}
	found := 0
	for _, pkg := range goList(t, "{{.ImportPath}}") {
		name, ours := strings.CutPrefix(pkg, "tinsmith.example/")
		if !ours || name == "tinker" {
			continue
		}
		found++
		if name, internal := strings.CutPrefix(name, "internal/"); !internal || !slices.Contains(allowed, name) {
			t.Errorf("tinker depends on %s", pkg)
		}
	}
	if found < 4 {
		t.Errorf("go list found only %d packages of ours", found)
	}
}

// These modules and no others come with the SDK. A program that takes it takes
// them all, so a new one has to be worth it to every user.
func TestModulesOfTheSDK(t *testing.T) {
	want := []string{
		"github.com/ardanlabs/jinja",
		"github.com/cenkalti/backoff/v5",
		"github.com/go-json-experiment/json",
		"github.com/google/uuid",
		"golang.org/x/sync",
		"golang.org/x/text",
		"google.golang.org/protobuf",
		"tinsmith.example",
	}
	if got := goList(t, "{{with .Module}}{{.Path}}{{end}}"); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
