package tinker

import (
	"os/exec"
	"strings"
	"testing"
)

// Programs that only talk to a server must not carry one: no engine, no server,
// no weights.
func TestTheSDKLinksNeitherEngineNorServer(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	allowed := map[string]bool{"wire": true, "wire/pb": true, "transport": true, "tokenizer": true, "receipt": true, "telemetry": true, "sidecar": true}
	found := 0
	for pkg := range strings.Lines(string(out)) {
		name, ours := strings.CutPrefix(strings.TrimSpace(pkg), "tinsmith.example/")
		if !ours || name == "tinker" {
			continue
		}
		found++
		if name, internal := strings.CutPrefix(name, "internal/"); !internal || !allowed[name] {
			t.Errorf("tinker depends on %s", strings.TrimSpace(pkg))
		}
	}
	if found < 4 {
		t.Errorf("go list found only %d packages of ours:\n%s", found, out)
	}
}
