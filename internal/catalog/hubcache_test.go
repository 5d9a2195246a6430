package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHubCacheIsRead(t *testing.T) {
	data := content(1000, 1)
	m := testModel(data)
	base := "models--org--tiny-gguf"
	snapshot := filepath.Join(base, "snapshots", m.hub.revision, "tiny.gguf")
	blob := filepath.Join(base, "blobs", m.SHA256)
	for _, tt := range []struct {
		name string
		make func(dir string)
		path string // in the Hub's cache; empty: not found
	}{
		{"linked", func(dir string) {
			put(t, filepath.Join(dir, blob), data)
			put(t, filepath.Join(dir, base, "snapshots", m.hub.revision, "other"), nil)
			if err := os.Symlink("../../blobs/"+m.SHA256, filepath.Join(dir, snapshot)); err != nil {
				t.Skip(err)
			}
		}, snapshot},
		{"copied", func(dir string) { put(t, filepath.Join(dir, snapshot), data) }, snapshot},
		{"of another revision", func(dir string) { put(t, filepath.Join(dir, blob), data) }, blob},
		{"copied, wrong content", func(dir string) { put(t, filepath.Join(dir, snapshot), content(1000, 2)) }, ""},
		{"wrong length", func(dir string) { put(t, filepath.Join(dir, blob), data[1:]) }, ""},
		{"unfinished", func(dir string) { put(t, filepath.Join(dir, blob+".incomplete"), data) }, ""},
		{"none", func(string) {}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := testCache(t, m, "http://hub.invalid")
			c.config.Offline = true
			c.config.HubDir = t.TempDir()
			tt.make(c.config.HubDir)
			r, err := c.Resolve(t.Context(), "tiny", PullOptions{})
			if tt.path == "" {
				if !errors.Is(err, ErrOffline) {
					t.Errorf("got %+v, %v; want ErrOffline", r, err)
				}
				return
			}
			if err != nil || r.Path != filepath.Join(c.config.HubDir, tt.path) || r.Source != SourceHubCache {
				t.Errorf("got %+v, %v; want %s", r, err, tt.path)
			}
		})
	}
}

func TestHubSnapshotServesWhenTheHubCannotBeAsked(t *testing.T) {
	c := testCache(t, testModel(nil), "http://hub.invalid")
	c.config.Offline, c.config.HubDir = true, t.TempDir()
	commit := strings.Repeat("b", 40)
	put(t, filepath.Join(c.config.HubDir, "models--org--x", "refs", "main"), []byte(commit))
	want := filepath.Join(c.config.HubDir, "models--org--x", "snapshots", commit, "sub", "x.gguf")
	put(t, want, nil)
	if r, err := c.Resolve(t.Context(), "org/x", PullOptions{}); err != nil || r.Path != want {
		t.Errorf("got %+v, %v; want %s", r, err, want)
	}
}
