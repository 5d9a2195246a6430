package catalog

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Cache finds models and keeps what it fetches. Its methods may be called by
// any number of goroutines and processes at once.
type Cache struct {
	config Config
	models []Model           // the catalogue
	http   http.RoundTripper // to the Hub
	limits limits
}

// limits are the times after which the other side is given up. Tests change
// them.
type limits struct {
	answer  time.Duration // for the Hub's first answer, name lookup and connection included
	stall   time.Duration // without a byte, while downloading from the Hub
	pip     time.Duration // without a byte from pip
	backoff time.Duration // before the first retry of a broken download; doubles
}

// The Hub gets few seconds because it stands before another source: a network
// that swallows packets must not look like a program that hangs. It costs 2 ms
// where its name does not resolve or the connection is refused (measured), 3 s
// where nothing answers the connection (hubTransport), and 5 s where it is
// accepted and then nothing comes.
var defaultLimits = limits{answer: 5 * time.Second, stall: 30 * time.Second, pip: 5 * time.Minute, backoff: time.Second}

// NewCache returns the cache in folder dir, or in the default one if dir is
// empty; the rest of its configuration is [FromEnv]'s. It touches no file.
func NewCache(dir string) (*Cache, error) {
	config, err := FromEnv()
	if dir != "" {
		config.Dir, err = dir, nil
	}
	if err != nil {
		return nil, err
	}
	return New(config), nil
}

// New returns the cache that config describes. It touches no file.
func New(config Config) *Cache {
	if config.HubEndpoint == "" {
		config.HubEndpoint = DefaultHubEndpoint
	}
	if config.Pythons == nil {
		config.Pythons = []string{"python3", "python"}
	}
	return &Cache{config: config, models: Models(), http: hubTransport(), limits: defaultLimits}
}

// Dir is the cache folder.
func (c *Cache) Dir() string { return c.config.Dir }

// Installed is a model in the cache.
type Installed struct {
	Name  string // as Resolve takes it
	Path  string
	Bytes int64
	Model *Model // the entry of the catalogue; nil for a file of the Hub
}

// List returns what is in the cache folder, by path. A folder that does not
// exist is empty.
func (c *Cache) List() ([]Installed, error) {
	var list []Installed
	err := filepath.WalkDir(c.config.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isGGUF(path) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(c.config.Dir, path)
		if err != nil {
			return err
		}
		if in, ok := c.installed(filepath.ToSlash(rel), info.Size()); ok {
			in.Path = path
			list = append(list, in)
		}
		return nil
	})
	if os.IsNotExist(err) {
		return nil, nil
	}
	return list, err
}

// installed says what the file at rel, with slashes, is.
func (c *Cache) installed(rel string, size int64) (Installed, bool) {
	parts := strings.SplitN(rel, "/", 3)
	switch len(parts) {
	case 2:
		for _, m := range c.models {
			if m.Name == parts[0] && m.File == parts[1] && m.Bytes == size {
				return Installed{Name: m.Name, Bytes: size, Model: &m}, true
			}
		}
	case 3:
		return Installed{Name: parts[0] + "/" + parts[1] + ":" + parts[2], Bytes: size}, true
	}
	return Installed{}, false
}

// Installed returns the cache's own file of a model of the catalogue.
func (c *Cache) Installed(name string) (Installed, bool) {
	m, ok := lookup(c.models, name)
	if !ok || !hasSize(c.path(m), m.Bytes) {
		return Installed{}, false
	}
	return Installed{Name: m.Name, Path: c.path(m), Bytes: m.Bytes, Model: &m}, true
}

// Verify reads a model's file and compares its checksum with the catalogue's.
// A difference is a *[ChecksumError].
func (c *Cache) Verify(ctx context.Context, in Installed) error {
	if in.Model == nil {
		return nil
	}
	return verify(ctx, in.Path, in.Model.SHA256)
}

// path is where a model of the catalogue lies in the cache folder.
func (c *Cache) path(m Model) string { return filepath.Join(c.config.Dir, m.Name, m.File) }

// hasSize says whether path is a regular file of that size.
func hasSize(path string, size int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

func isGGUF(path string) bool { return strings.EqualFold(filepath.Ext(path), ".gguf") }
