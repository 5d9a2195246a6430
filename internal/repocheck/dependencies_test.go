package repocheck

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDependenciesAreExplained compares the modules that this one imports, in
// its code or its tests, and its tools with the rows of docs/dependencies.md.
func TestDependenciesAreExplained(t *testing.T) {
	const format = `{{range .Imports}}{{.}} {{end}}{{range .TestImports}}{{.}} {{end}}{{range .XTestImports}}{{.}} {{end}}`
	packages := strings.Fields(goCommand(t, "list", "-f", format, module+"..."))
	packages = append(packages, strings.Fields(goCommand(t, "list", "tool"))...)
	slices.Sort(packages)
	packages = slices.DeleteFunc(slices.Compact(packages), func(p string) bool {
		first, _, _ := strings.Cut(p, "/")
		return !strings.Contains(first, ".") || strings.HasPrefix(p, module)
	})
	modules := strings.Fields(goCommand(t, append([]string{"list", "-f", "{{.Module.Path}}"}, packages...)...))
	slices.Sort(modules)
	modules = slices.Compact(modules)

	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		rows = append(rows, m[1])
	}
	slices.Sort(rows)
	for _, m := range modules {
		if !slices.Contains(rows, m) {
			t.Errorf("docs/dependencies.md has no row for %s", m)
		}
	}
	for _, row := range rows {
		if !slices.Contains(modules, row) {
			t.Errorf("docs/dependencies.md has a row for %s, which nothing imports", row)
		}
	}
}
