package catalog

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// The Hub's own tools keep a repository like this; we only read it:
//
//	models--org--name/refs/main               the commit of a branch
//	models--org--name/blobs/<sha256>          a large file, named by its checksum
//	models--org--name/snapshots/<commit>/file a link to its blob, or a copy of it

// hubRepoDir is the folder of a repository in the Hub's cache; empty if there
// is no such cache.
func (c *Cache) hubRepoDir(repo string) string {
	if c.config.HubDir == "" {
		return ""
	}
	return filepath.Join(c.config.HubDir, "models--"+strings.ReplaceAll(repo, "/", "--"))
}

// inHubCache finds a model of the catalogue. A file whose name is its checksum
// is taken at its word, like one in our own cache; others are read.
func (c *Cache) inHubCache(ctx context.Context, m Model) (string, bool) {
	dir := c.hubRepoDir(m.hub.repo)
	if dir == "" {
		return "", false
	}
	blob := filepath.Join(dir, "blobs", m.SHA256)
	snapshot := filepath.Join(dir, "snapshots", m.hub.revision, filepath.FromSlash(m.hub.path))
	if hasSize(snapshot, m.Bytes) {
		real, err := filepath.EvalSymlinks(snapshot)
		if err == nil && (filepath.Base(real) == m.SHA256 || verify(ctx, real, m.SHA256) == nil) {
			return snapshot, true
		}
	}
	return blob, hasSize(blob, m.Bytes)
}

// hubSnapshot is the folder of the repository's main branch in the Hub's
// cache, if it is there.
func (c *Cache) hubSnapshot(repo string) (string, bool) {
	dir := c.hubRepoDir(repo)
	if dir == "" {
		return "", false
	}
	commit, err := os.ReadFile(filepath.Join(dir, "refs", "main"))
	if err != nil || !isCommit(strings.TrimSpace(string(commit))) {
		return "", false
	}
	return filepath.Join(dir, "snapshots", strings.TrimSpace(string(commit))), true
}
