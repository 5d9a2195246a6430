package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// A Want is what is wanted of a repository: files of one revision of it.
type Want struct {
	Repo     string   // "owner/name", or "name" for some old ones
	Revision string   // a branch, tag or commit; "": main
	File     string   // the file without which the others are of no use
	Beside   []string // files that are wanted if there are any
}

// main is the branch that is meant where none is named.
const main = "main"

// repoName is a name as the Hub allows it.
var repoName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,95})?$`)

// Get returns the files that there are, by name: from the cache, if it has the
// first of them, else from the Hub. A cached revision is taken as it is, whether
// or not the Hub has a newer one by now. Files beside the first that the cache
// knows nothing of are asked for at the Hub, and left out if it cannot be asked.
//
// The error is a *[NotFoundError] unless ctx ended: then it is ctx's cause.
func (c *Config) Get(ctx context.Context, w Want) (map[string][]byte, error) {
	if w.Revision == "" {
		w.Revision = main
	}
	if !repoName.MatchString(w.Repo) || strings.Contains(w.Repo, "..") {
		return nil, &NotFoundError{Want: w, Cache: errNoName, Hub: errNoName}
	}
	cached := c.cached(&w)
	if cached.repo != "" {
		w.Revision = cached.commit // which other programs go by, so it stays
	}
	first, err := cached.read(w.File)
	if err != nil {
		return c.download(ctx, w, err)
	}
	files := map[string][]byte{w.File: first}
	for _, name := range w.Beside {
		content, err := cached.read(name)
		if err != nil && !cached.lacks(name) {
			content, err = c.fetchInto(ctx, cached, &w, name)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
		}
		if err == nil {
			files[name] = content
		}
	}
	return files, nil
}

// download gets all files from the Hub. missed is why the cache has them not.
func (c *Config) download(ctx context.Context, w Want, missed error) (map[string][]byte, error) {
	fail := func(err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &NotFoundError{Want: w, Cache: missed, Hub: err}
	}
	first, commit, err := c.fetch(ctx, &w, w.File)
	if err != nil {
		return nil, fail(err)
	}
	snapshot := c.newSnapshot(&w, commit)
	snapshot.keep(w.File, first)
	if commit != "" {
		w.Revision = commit // so that all files are of one revision
	}
	files := map[string][]byte{w.File: first}
	for _, name := range w.Beside {
		content, err := c.fetchInto(ctx, snapshot, &w, name)
		switch {
		case err == nil:
			files[name] = content
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fail(err)
		}
	}
	return files, nil
}

// fetchInto fetches a file beside the first and keeps it, or that there is none.
func (c *Config) fetchInto(ctx context.Context, s snapshot, w *Want, name string) ([]byte, error) {
	content, _, err := c.fetch(ctx, w, name)
	switch {
	case err == nil:
		s.keep(name, content)
	case errors.Is(err, fs.ErrNotExist):
		s.keepAbsence(name)
	}
	return content, err
}

var (
	errNoName  = errors.New("that is no name of a repository")
	errOffline = errors.New("not asked: the environment says offline")
)

// A NotFoundError says why files were found nowhere.
type NotFoundError struct {
	Want  Want
	Cache error // why they are not in the cache
	Hub   error // why they do not come from the Hub; a *StatusError if that said so
}

func (e *NotFoundError) Error() string {
	if e.Cache == errNoName {
		return fmt.Sprintf("hub: %q: %v", e.Want.Repo, errNoName)
	}
	return fmt.Sprintf("hub: %s of %s: the cache: %v; the Hub: %v", e.Want.File, e.Want.Repo, e.Cache, e.Hub)
}

func (e *NotFoundError) Unwrap() []error { return []error{e.Cache, e.Hub} }
