//go:build unix

package tinker

import (
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// programIn copies the program of testdata to a folder, as a module of its own:
// that of somebody who uses this one.
func programIn(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS("testdata/program")); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile("(?m)^module .*$").ReplaceAllString(string(mod), "module aaa.example/program")
	text = regexp.MustCompile(`(?s)\ntool \(.*?\)\n`).ReplaceAllString(text, "")
	text += "\nrequire tinsmith.example v0.0.0\n\nreplace tinsmith.example => " + root + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A program is not ours: it has flags, a TestMain, and packages that print before
// anything of ours runs. Its main runs once all the same.
func TestProgramsAreIsolatedAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	programIn(t, dir)
	installed := filepath.Join(dir, "bin", "program")
	inDir := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		return cmd
	}
	if out, err := inDir("go", "build", "-o", installed, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	twice := map[string]int{"early": 2, "main": 1}
	for _, tt := range []struct {
		name, want string
		command    []string
		env        string
		lines      map[string]int // in the trace
		fails      bool
	}{
		{name: "an installed binary", command: []string{installed, "-needed=x"}, want: "sampled [42 7]", lines: twice},
		{name: "not isolated", command: []string{installed, "-needed=x"}, env: "TINKER_SUBPROCESS_SAMPLING=0",
			want: "sampled [42 7]", lines: map[string]int{"early": 1, "main": 1}},
		{name: "a start that fails", command: []string{installed, "-needed=x"}, env: "EARLY_EXITS=1",
			want: "SidecarError in phase start", lines: twice, fails: true},
		{name: "a replaced binary", command: []string{installed, "-needed=x", "-replace"}, want: "sampled [42 7]", lines: twice},
		{name: "go run", command: []string{"go", "run", ".", "-needed=x"}, want: "sampled [42 7]", lines: twice},
		{name: "go test", command: []string{"go", "test", "-v", "-count=1", ".", "-needed=x"}, want: "the test sampled",
			lines: map[string]int{"early": 2, "TestMain": 1, "test": 1}},
	} {
		if tt.name == "a replaced binary" && runtime.GOOS != "linux" {
			continue // elsewhere the executable is known by its name only
		}
		server := httptest.NewServer(&moody{count: map[string]int{}, prompts: map[string][]int32{}})
		trace := filepath.Join(dir, "trace")
		if err := os.WriteFile(trace, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := inDir(tt.command[0], tt.command[1:]...)
		cmd.Env = append(os.Environ(), "TINKER_SUBPROCESS_SAMPLING=1", "TINKER_BASE_URL="+server.URL, "TINKER_API_KEY="+testKey, "TRACE_FILE="+trace, tt.env)
		out, err := cmd.CombinedOutput()
		server.Close()
		if (err != nil) != tt.fails || !strings.Contains(string(out), tt.want) {
			t.Errorf("%s: %v, want %q\n%s", tt.name, err, tt.want, out)
		}
		if n := strings.Count(string(out), "to standard output, from an init function"); n != 1 {
			t.Errorf("%s: the init function is heard %d times\n%s", tt.name, n, out)
		}
		b, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		lines := map[string]int{}
		for line := range strings.Lines(string(b)) {
			lines[strings.TrimSpace(line)]++
		}
		if !maps.Equal(lines, tt.lines) {
			t.Errorf("%s: the trace has %v, want %v", tt.name, lines, tt.lines)
		}
	}
}
