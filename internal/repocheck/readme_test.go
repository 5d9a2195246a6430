package repocheck

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The programs of the README stand in files, where they are built (the Go one,
// by go build ./...) and run (compat/check runs the Python one).
var programs = map[string]string{
	"go":     "../../examples/sample/main.go",
	"python": "../../examples/sample.py",
}

func TestReadmeShowsTheExamples(t *testing.T) {
	readme := read(t, "../../README.md")
	for language, path := range programs {
		block := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(readme)
		if block == nil {
			t.Errorf("README.md has no program in %s", language)
			continue
		}
		if want := read(t, path); block[1] != want {
			t.Errorf("README.md shows another program than %s:\n%s", path, block[1])
		}
	}
}

func TestReadmeBeginsWithTheTwoCommands(t *testing.T) {
	first := strings.Join(strings.SplitN(read(t, "../../README.md"), "\n", 13)[:12], "\n")
	for _, command := range []string{`go run ./cmd/tinsmith sample "The weather today is"`, "go test ./..."} {
		if !strings.Contains(first, "    "+command+"\n") {
			t.Errorf("%s is not in the first 12 lines of README.md", command)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
