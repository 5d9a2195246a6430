package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var commit = strings.Repeat("c0ffee42", 5)

// A fakeHub has one repository, org/model, with these files.
type fakeHub struct {
	*httptest.Server
	files map[string]string

	mu    sync.Mutex
	asked []string // paths, in order
	token []string // what came with them
}

func newFakeHub(t *testing.T, files map[string]string) *fakeHub {
	h := &fakeHub{files: files}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.asked = append(h.asked, r.URL.Path)
		h.token = append(h.token, r.Header.Get("Authorization"))
		for _, revision := range []string{"main", commit} {
			name, ok := strings.CutPrefix(r.URL.Path, "/org/model/resolve/"+revision+"/")
			if !ok {
				continue
			}
			w.Header().Set("X-Repo-Commit", commit)
			if text, ok := h.files[name]; ok {
				fmt.Fprint(w, text)
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *fakeHub) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.asked
	h.asked = nil
	return list
}

var want = Want{Repo: "org/model", File: "a.json", Beside: []string{"b.json", "c.jinja"}}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, c Config, w Want, files map[string]string) {
	t.Helper()
	got, err := c.Get(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for name, content := range got {
		texts[name] = string(content)
	}
	if !maps.Equal(texts, files) {
		t.Errorf("got %q, want %q", texts, files)
	}
}

func TestWhatComesFromTheHubIsKept(t *testing.T) {
	files := map[string]string{"a.json": "A", "c.jinja": "C"}
	h := newFakeHub(t, files)
	c := Config{CacheDir: t.TempDir(), Endpoint: h.URL}
	check(t, c, want, files)
	at := "/org/model/resolve/" + commit
	if got := h.requests(); !slices.Equal(got, []string{"/org/model/resolve/main/a.json", at + "/b.json", at + "/c.jinja"}) {
		t.Errorf("asked %q", got)
	}
	check(t, c, want, files)
	if got := h.requests(); got != nil {
		t.Errorf("asked again: %q", got)
	}
	repo := filepath.Join(c.CacheDir, "models--org--model")
	for path, text := range map[string]string{
		"refs/main": commit, "snapshots/" + commit + "/a.json": "A", "snapshots/" + commit + "/c.jinja": "C",
		".no_exist/" + commit + "/b.json": "",
	} {
		if got, err := os.ReadFile(filepath.Join(repo, path)); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	check(t, Config{CacheDir: c.CacheDir, Offline: true}, want, files)
}

func TestTheCacheOfTheHubsToolsIsRead(t *testing.T) {
	h := newFakeHub(t, nil)
	c := Config{CacheDir: t.TempDir(), Endpoint: h.URL}
	repo := filepath.Join(c.CacheDir, "models--org--model")
	put(t, filepath.Join(repo, "blobs", "1234"), "A")
	put(t, filepath.Join(repo, "refs", "main"), commit)
	snapshot := filepath.Join(repo, "snapshots", commit)
	if err := errors.Join(os.MkdirAll(snapshot, 0o755), os.Symlink("../../blobs/1234", filepath.Join(snapshot, "a.json"))); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(repo, ".no_exist", commit, "b.json"), "")
	check(t, c, want, map[string]string{"a.json": "A"})
	if got := h.requests(); !slices.Equal(got, []string{"/org/model/resolve/" + commit + "/c.jinja"}) {
		t.Errorf("asked %q: want only what the cache knows nothing of", got)
	}
	pinned := want
	pinned.Revision = commit
	check(t, Config{CacheDir: c.CacheDir, Offline: true}, pinned, map[string]string{"a.json": "A"})
}

// Other programs have other files of the commit that main is for them.
func TestTheCachesCommitStays(t *testing.T) {
	h := newFakeHub(t, map[string]string{"a.json": "A"})
	c := Config{CacheDir: t.TempDir(), Endpoint: h.URL}
	put(t, filepath.Join(c.CacheDir, "models--org--model", "refs", "main"), commit)
	check(t, c, Want{Repo: "org/model", File: "a.json"}, map[string]string{"a.json": "A"})
	if got := h.requests(); !slices.Equal(got, []string{"/org/model/resolve/" + commit + "/a.json"}) {
		t.Errorf("asked %q", got)
	}
}

func TestAHubWithoutCommitsIsNotCached(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") }))
	defer h.Close()
	c := Config{CacheDir: t.TempDir(), Endpoint: h.URL}
	check(t, c, want, map[string]string{"a.json": "x", "b.json": "x", "c.jinja": "x"})
	if there, err := os.ReadDir(c.CacheDir); err != nil || len(there) > 0 {
		t.Errorf("kept %v, %v", there, err)
	}
}

func TestTheTokenGoesToTheHubAlone(t *testing.T) {
	h := newFakeHub(t, map[string]string{"a.json": "A"})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hf_secret" {
			t.Errorf("the Hub got %q", r.Header.Get("Authorization"))
		}
		http.Redirect(w, r, h.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer front.Close()
	check(t, Config{Endpoint: front.URL, Token: "hf_secret"}, Want{Repo: "org/model", File: "a.json"}, map[string]string{"a.json": "A"})
	if !slices.Equal(h.token, []string{""}) {
		t.Errorf("the storage got %q", h.token)
	}
}

func TestWhyNothingWasFound(t *testing.T) {
	h := newFakeHub(t, nil)
	for _, tt := range []struct {
		name     string
		config   Config
		repo     string
		says     string
		notExist bool
	}{
		{"nowhere", Config{CacheDir: "/nonexistent", Endpoint: h.URL}, "org/model", "status 404: no such repository", true},
		{"offline", Config{CacheDir: "/nonexistent", Offline: true}, "org/model", "the environment says offline", true},
		{"no cache", Config{Offline: true}, "org/model", "the cache: there is none", false},
		{"a name with too many parts", Config{Endpoint: h.URL}, "a/b/c", "no name of a repository", false},
		{"a name that climbs", Config{Endpoint: h.URL}, "../x", "no name of a repository", false},
	} {
		_, err := tt.config.Get(t.Context(), Want{Repo: tt.repo, File: "a.json"})
		if _, ok := errors.AsType[*NotFoundError](err); !ok || !strings.Contains(err.Error(), tt.says) || errors.Is(err, fs.ErrNotExist) != tt.notExist {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAFailureInTheMiddleIsAFailure(t *testing.T) {
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "a.json") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer h.Close()
	c := Config{Endpoint: h.URL}
	_, err := c.Get(t.Context(), want)
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Status != http.StatusServiceUnavailable {
		t.Error(err)
	}
}

func TestGetEndsWithItsContext(t *testing.T) {
	released := make(chan struct{})
	h := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
	defer h.Close()
	defer close(released)
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("over")
	time.AfterFunc(50*time.Millisecond, func() { cancel(over) })
	c := Config{Endpoint: h.URL}
	if _, err := c.Get(ctx, want); err != over {
		t.Error(err)
	}
}
