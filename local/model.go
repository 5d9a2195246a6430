package local

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/tinymodel"
)

// tinyKVTokens bounds the tiny model's cache: 64 whole contexts. Without it
// each of many servers in one test would reckon with half of the memory.
const tinyKVTokens = 64 * tinymodel.DefaultContextLength

// load opens the engine that o asks for and says what it is called.
func (s *Server) load(ctx context.Context, o *Options) error {
	options := engine.Options{Threads: o.Threads, Memory: o.Memory}
	var path, name string
	var err error
	if o.TinyModel {
		if o.Model != "" {
			return errors.New("options: Model and TinyModel exclude each other")
		}
		name, options.KVTokens = tinymodel.Name, tinyKVTokens
		path, err = s.makeTiny()
	} else {
		path, name, err = find(ctx, cmp.Or(o.Model, catalog.DefaultModel))
	}
	if err != nil {
		return err
	}
	s.baseModel = cmp.Or(o.Name, name)
	if s.engine, err = engine.Open(path, options); err != nil {
		return err
	}
	// What is mapped stays while it has no name, so that nothing is left of a
	// process that is killed. Where the system does not allow that, Close does it.
	if s.remove() == nil {
		s.remove = func() error { return nil }
	}
	return nil
}

// find fetches a model if need be, and returns its path and its name.
func find(ctx context.Context, model string) (path, name string, err error) {
	cache, err := catalog.NewCache("")
	if err != nil {
		return "", "", err
	}
	found, err := cache.Resolve(ctx, model, catalog.PullOptions{})
	return found.Path, found.Name, err
}

// makeTiny writes the tiny model into a folder of its own, which s.remove
// removes.
func (s *Server) makeTiny() (path string, err error) {
	folder, err := os.MkdirTemp("", "tinsmith-tiny-")
	if err != nil {
		return "", err
	}
	s.remove = func() error { return os.RemoveAll(folder) }
	path = filepath.Join(folder, "tiny.gguf")
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	return path, errors.Join(tinymodel.Write(f, tinymodel.Options{}), f.Close())
}
