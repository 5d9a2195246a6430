package repocheck

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "tinsmith.example/"

// layers says which folders of this module each folder may import directly. A
// folder that is not listed here may not exist. "engine/..." stands for a
// folder and everything below it, "*" for every folder.
var layers = map[string][]string{
	"cmd/tinsmith": {"*"},
	"examples/...": {"tinker", "local"},
	"compat/...":   {"tinker"},

	"bench/isolation": {"tinker", "internal/wire"},

	"bench/gosdk_overhead": {"tinker"},
	"tinker/tinkerotel":    {"tinker"},

	"internal/bench":         {"internal/bench/machine", "internal/engine", "internal/engine/kernel", "tinker"},
	"internal/bench/machine": {"internal/cpu", "internal/engine/pages"},

	"local":  {"tinker", "internal/server", "internal/engine", "internal/catalog", "internal/tinymodel"},
	"tinker": {"internal/sidecar", "internal/telemetry", "internal/transport", "internal/wire", "internal/tokenizer", "internal/hub", "internal/receipt"},

	"internal/server":    {"internal/wire", "internal/wire/pb", "internal/engine", "internal/tokenizer", "internal/receipt"},
	"internal/receipt":   {"internal/wire"},
	"internal/sidecar":   {},
	"internal/telemetry": {"internal/transport", "internal/wire"},
	"internal/transport": {"internal/wire", "internal/wire/pb"},
	"internal/wire":      {"internal/wire/pb"},
	"internal/wire/pb":   {},

	"internal/engine":        {"internal/engine/...", "internal/weights/...", "internal/tokenizer", "internal/cpu"},
	"internal/engine/sched":  {"internal/engine/kv"},
	"internal/engine/model":  {"internal/engine/kernel", "internal/engine/kv", "internal/engine/pages", "internal/engine/team", "internal/weights/..."},
	"internal/engine/sample": {"internal/engine/kernel"},
	"internal/engine/kv":     {"internal/engine/pages"},
	"internal/engine/pages":  {},
	"internal/engine/team":   {},
	"internal/engine/kernel": {"internal/cpu"},

	"internal/weights/...": {},
	"internal/catalog":     {"internal/weights/...", "internal/hub"},
	"internal/hub":         {},
	"internal/tokenizer":   {},
	"internal/cpu":         {},
	"internal/tinymodel":   {"internal/weights/..."},

	"internal/testmodel": {"internal/catalog", "internal/tinymodel"},

	"internal/repocheck/...": {},
}

// never says what a folder may not reach by any path, through whatever it
// imports: folders of this module, or packages of the standard library.
var never = []struct{ folder, reach, why string }{
	{"tinker", "internal/engine/...", "the SDK never links the engine"},
	{"tinker", "internal/server", "the SDK never links the server"},
	{"internal/receipt", "internal/engine/...", "a receipt says what an engine did, and needs none to be read"},
	{"internal/engine", "net/http", "the engine never sees HTTP"},
	{"internal/engine", "internal/wire/...", "the engine never sees the wire's messages"},
	{"internal/engine/kernel", "internal/engine/model", "kernels never see a model"},
	{"internal/engine/sched", "net", "the scheduler does no I/O"},
}

func TestFoldersImportOnlyWhatIsBelowThem(t *testing.T) {
	for folder, imports := range goList(t, "{{.ImportPath}} {{join .Imports \" \"}}") {
		allowed, ok := allowedFor(folder)
		if !ok {
			t.Errorf("%s is in no layer: add it to the table of this test, and to docs/design.md", folder)
			continue
		}
		for _, imp := range imports {
			inside, ours := strings.CutPrefix(imp, module)
			if ours && !matchAny(allowed, inside) {
				t.Errorf("%s imports %s, which is not below it", folder, inside)
			}
		}
	}
}

func TestFoldersNeverReach(t *testing.T) {
	deps := goList(t, "{{.ImportPath}} {{join .Deps \" \"}}")
	for _, n := range never {
		for _, dep := range deps[n.folder] {
			if matches(n.reach, strings.TrimPrefix(dep, module)) {
				t.Errorf("%s reaches %s: %s", n.folder, dep, n.why)
			}
		}
	}
}

// goList runs go list over the module and gives each line's first word,
// without the module's path, with the words after it.
func goList(t *testing.T, format string) map[string][]string {
	t.Helper()
	list := map[string][]string{}
	for line := range strings.Lines(goCommand(t, "list", "-f", format, module+"...")) {
		words := strings.Fields(line)
		list[strings.TrimPrefix(words[0], module)] = words[1:]
	}
	return list
}

// goCommand gives what a go command prints.
func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &problem)
	}
	return string(out)
}

// allowedFor finds folder's row: its own, or that of the nearest folder above
// it that is listed with "/...".
func allowedFor(folder string) ([]string, bool) {
	if row, ok := layers[folder]; ok {
		return row, true
	}
	for above := folder; above != "."; above = path.Dir(above) {
		if row, ok := layers[above+"/..."]; ok {
			return append(slices.Clip(row), above+"/..."), true
		}
	}
	return nil, false
}

func matchAny(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, folder) })
}

func matches(pattern, folder string) bool {
	above, all := strings.CutSuffix(pattern, "/...")
	return pattern == "*" || above == folder || all && strings.HasPrefix(folder, above+"/")
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, folder string
		want            bool
	}{
		{"*", "internal/wire", true},
		{"internal/wire", "internal/wire", true},
		{"internal/wire", "internal/wire/pb", false},
		{"internal/wire/...", "internal/wire", true},
		{"internal/wire/...", "internal/wire/pb", true},
		{"internal/wire/...", "internal/wirework", false},
	} {
		if got := matches(tt.pattern, tt.folder); got != tt.want {
			t.Errorf("matches(%q, %q) = %v", tt.pattern, tt.folder, got)
		}
	}
}
