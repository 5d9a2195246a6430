package tinker

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var variableName = regexp.MustCompile(`^(TINKER|CLOUDFLARE)_[A-Z_]+$`)

// variablesRead are the environment variables that environment.go names. The
// test fails if another file of the package asks for one.
func variablesRead(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if name, err := strconv.Unquote(n.Value); err == nil && file == "environment.go" && variableName.MatchString(name) {
					names = append(names, name)
				}
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "os" && slices.Contains([]string{"Getenv", "LookupEnv", "Environ"}, n.Sel.Name) && file != "environment.go" {
					t.Errorf("%s reads the environment: that is for environment.go", file)
				}
			}
			return true
		})
	}
	return names
}

// The table of settings has every variable that is read, and no other; and the
// options that it names are there.
func TestTheTableOfSettingsIsComplete(t *testing.T) {
	page, err := os.ReadFile("../docs/sdk.md")
	if err != nil {
		t.Fatal(err)
	}
	var inTable, options []string
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			switch name := quoted[1]; {
			case variableName.MatchString(name):
				inTable = append(inTable, name)
			case strings.HasPrefix(name, "With"):
				options = append(options, name)
			}
		}
	}
	read := variablesRead(t)
	slices.Sort(read)
	slices.Sort(inTable)
	if len(read) < 8 || !slices.Equal(inTable, read) {
		t.Errorf("docs/sdk.md has %q, and read are %q", inTable, read)
	}
	slices.Sort(options)
	if declared := optionsDeclared(t); !slices.Equal(options, declared) {
		t.Errorf("docs/sdk.md has %q, and there are %q", options, declared)
	}
}

// optionsDeclared are the functions of the package that return an Option, sorted.
func optionsDeclared(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Type.Results != nil {
				if result, ok := f.Type.Results.List[0].Type.(*ast.Ident); ok && result.Name == "Option" {
					names = append(names, f.Name.Name)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestTelemetryAndLogAreSwitchedByTheEnvironment(t *testing.T) {
	clearEnvironment(t)
	for value, on := range map[string]bool{"": true, "1": true, "TRUE": true, "yes": true, "On": true, "0": false, "off": false, "maybe": false} {
		t.Setenv("TINKER_TELEMETRY", value)
		if got := fromEnvironment().telemetry; got != on {
			t.Errorf("TINKER_TELEMETRY=%s: %v", value, got)
		}
		c := fromEnvironment()
		if err := WithTelemetry(!on)(&c); err != nil || c.telemetry == on {
			t.Errorf("TINKER_TELEMETRY=%s: the option says %v, the client %v", value, !on, c.telemetry)
		}
	}
	for value, level := range map[string]slog.Level{"debug": slog.LevelDebug, "INFO": slog.LevelInfo} {
		t.Setenv("TINKER_LOG", value)
		log := fromEnvironment().log
		if log == slog.Default() || !log.Enabled(context.Background(), level) || log.Enabled(context.Background(), level-1) {
			t.Errorf("TINKER_LOG=%s", value)
		}
	}
	t.Setenv("TINKER_LOG", "loud")
	if fromEnvironment().log != slog.Default() {
		t.Error("TINKER_LOG=loud is not the program's own log")
	}
}
