package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The Hub's own tools keep a repository like this:
//
//	models--org--name/refs/main                 the commit of a branch or tag
//	models--org--name/snapshots/<commit>/file   its file: a link to a blob, or a copy
//	models--org--name/.no_exist/<commit>/file   empty: it has no such file

// A snapshot is one revision of a repository in the cache. Without a folder it
// holds nothing and keeps nothing.
type snapshot struct {
	repo   string // the repository's folder; "": none
	commit string
	err    error // why there is none
}

var errNoCache = errors.New("there is none")

// cached finds the snapshot of a revision.
func (c *Config) cached(w *Want) snapshot {
	repo := c.repoDir(w)
	if repo == "" {
		return snapshot{err: errNoCache}
	}
	commit := w.Revision
	if !isCommit(commit) {
		text, err := os.ReadFile(filepath.Join(repo, "refs", filepath.FromSlash(w.Revision)))
		if err != nil {
			return snapshot{err: err}
		}
		if commit = strings.TrimSpace(string(text)); !isCommit(commit) {
			return snapshot{err: fmt.Errorf("%s of %s is no commit", w.Revision, repo)}
		}
	}
	return snapshot{repo: repo, commit: commit}
}

// newSnapshot is where the files of a commit are kept, once the revision points
// to it. Without a commit nothing is.
func (c *Config) newSnapshot(w *Want, commit string) snapshot {
	repo := c.repoDir(w)
	if repo == "" || !isCommit(commit) {
		return snapshot{err: errNoCache}
	}
	if !isCommit(w.Revision) {
		writeFile(filepath.Join(repo, "refs", filepath.FromSlash(w.Revision)), []byte(commit))
	}
	return snapshot{repo: repo, commit: commit}
}

func (c *Config) repoDir(w *Want) string {
	if c.CacheDir == "" {
		return ""
	}
	return filepath.Join(c.CacheDir, "models--"+strings.ReplaceAll(w.Repo, "/", "--"))
}

func isCommit(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}

func (s snapshot) read(name string) ([]byte, error) {
	if s.repo == "" {
		return nil, s.err
	}
	return readFile(filepath.Join(s.repo, "snapshots", s.commit, filepath.FromSlash(name)))
}

// lacks reports whether the repository is known to have no such file.
func (s snapshot) lacks(name string) bool {
	_, err := os.Stat(filepath.Join(s.repo, ".no_exist", s.commit, filepath.FromSlash(name)))
	return s.repo != "" && err == nil
}

// keep and keepAbsence remember what the Hub said. That they could not is no
// error: the next program asks again.
func (s snapshot) keep(name string, content []byte) {
	if s.repo != "" {
		writeFile(filepath.Join(s.repo, "snapshots", s.commit, filepath.FromSlash(name)), content)
	}
}

func (s snapshot) keepAbsence(name string) {
	if s.repo != "" {
		writeFile(filepath.Join(s.repo, ".no_exist", s.commit, filepath.FromSlash(name)), nil)
	}
}

// readFile reads a file that has a reasonable size.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a file")}
	}
	if info.Size() > maxFile {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%d bytes, more than %d", info.Size(), int64(maxFile))}
	}
	return os.ReadFile(path)
}

// writeFile writes a file so that others see all of it or nothing.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there once it has been renamed
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
