package catalog

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// preferred are the types that are chosen from among several files, best
// first. They come before larger and smaller ones because package engine runs
// them at full speed; Q4_1 is what the default model is in.
var preferred = []string{"Q4_1", "Q8_0", "Q4_0", "BF16"}

// choose picks one of the GGUF files of a repository or folder. asked is the
// path of one of them, or a type such as Q8_0 that the names of only one file
// have; with neither:
//
//   - the only file, if there is one;
//   - else the file with the first of preferred that exactly one file has;
//   - else there is no choice: a *[ChoiceError] lists them.
//
// Files of a split model and the projectors of multimodal ones do not count.
func choose(name string, files []string, asked string) (string, error) {
	files = slices.DeleteFunc(slices.Clone(files), func(f string) bool {
		return splitName.MatchString(f) || strings.HasPrefix(strings.ToLower(path.Base(f)), "mmproj")
	})
	slices.Sort(files)
	if asked != "" {
		if slices.Contains(files, asked) {
			return asked, nil
		}
		if of := ofType(files, asked); len(of) == 1 {
			return of[0], nil
		}
		return "", &ChoiceError{Name: name, Asked: asked, Choices: files}
	}
	if len(files) == 1 {
		return files[0], nil
	}
	for _, t := range preferred {
		if of := ofType(files, t); len(of) == 1 {
			return of[0], nil
		}
	}
	return "", &ChoiceError{Name: name, Choices: files}
}

var splitName = regexp.MustCompile(`-\d{5}-of-\d{5}\.gguf$`)

// ofType returns the files with the type in their names, as a word: Q4_1 is in
// "model-Q4_1.gguf" and "model.q4_1.gguf", not in "model-IQ4_1.gguf".
func ofType(files []string, t string) []string {
	word := regexp.MustCompile(`(?i)(^|[^a-z0-9_])` + regexp.QuoteMeta(t) + `([^a-z0-9_]|$)`)
	var of []string
	for _, f := range files {
		if word.MatchString(strings.TrimSuffix(path.Base(f), path.Ext(f))) {
			of = append(of, f)
		}
	}
	return of
}

// repoName is a name as the Hub allows it, once for the owner and once for the
// repository, and what may follow it: the file or type.
var repoName = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95})(?::(.+))?$`)

// parseRepo splits org/name:file.
func parseRepo(s string) (repo, asked string, ok bool) {
	m := repoName.FindStringSubmatch(s)
	if m == nil || strings.Contains(m[1], "..") || m[2] != "" && !safePath(m[2]) {
		return "", "", false
	}
	return m[1], m[2], true
}

// safePath says whether a path in a repository may become one in the cache.
func safePath(p string) bool {
	if len(p) > 255 {
		return false
	}
	for _, part := range strings.Split(p, "/") {
		if part == "" || part[0] == '.' || strings.ContainsAny(part, "\\:*?\"<>|\x00\n\r") {
			return false
		}
	}
	return true
}
