package tinker

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// rowsOfPythonPage gives the names in the first column of docs/python.md's tables,
// and those in the second.
func rowsOfPythonPage(t *testing.T) (python, golang []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/python.md")
	if err != nil {
		t.Fatal(err)
	}
	// Members of these are listed without their class, below its heading.
	classes := []string{"ServiceClient", "SamplingClient", "TrainingClient", "APIFuture", "RetryConfig"}
	heading := ""
	for line := range strings.Lines(string(page)) {
		if text, ok := strings.CutPrefix(line, "## "); ok {
			heading = strings.TrimSpace(text)
		}
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			name := m[1]
			if slices.Contains(classes, heading) && name != heading && !strings.HasPrefix(name, heading+"(") {
				name = heading + "." + name
			}
			python = append(python, name)
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			golang = append(golang, m[1])
		}
	}
	return python, golang
}

// testdata/python-names.txt is what compat/names.py prints.
func TestThePageForPythonHasEveryName(t *testing.T) {
	list, err := os.ReadFile("testdata/python-names.txt")
	if err != nil {
		t.Fatal(err)
	}
	there, _ := rowsOfPythonPage(t)
	names := strings.Fields(string(list))
	for _, name := range names {
		if !slices.Contains(there, name) {
			t.Errorf("docs/python.md lacks %s", name)
		}
	}
	for _, name := range there {
		if !slices.Contains(names, name) {
			t.Errorf("docs/python.md has %s, which Python has not", name)
		}
	}
	for i, name := range there {
		if slices.Contains(there[:i], name) {
			t.Errorf("docs/python.md has %s twice", name)
		}
	}
}

// What the page says is in Go is there.
func TestThePageForPythonNamesWhatThereIs(t *testing.T) {
	have := exportedNames(t)
	_, names := rowsOfPythonPage(t)
	if len(names) < 100 {
		t.Errorf("found only %d names", len(names))
	}
	for _, name := range names {
		if goName.MatchString(name) && !have[name] {
			t.Errorf("docs/python.md says %s, which does not exist", name)
		}
	}
}

var goName = regexp.MustCompile(`^[A-Z][A-Za-z]*(\.[A-Z][A-Za-z]*)?$`)
