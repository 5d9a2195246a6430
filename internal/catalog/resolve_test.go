package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestCatalogueIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Models() {
		if !isSHA256(m.SHA256) || m.SHA256 != strings.ToLower(m.SHA256) || m.Bytes <= 0 || m.License == "" || !isGGUF(m.File) {
			t.Errorf("%+v", m)
		}
		for _, name := range append([]string{m.Name}, m.Aliases...) {
			if seen[strings.ToLower(name)] {
				t.Errorf("%q names two models", name)
			}
			seen[strings.ToLower(name)] = true
		}
	}
	for _, name := range []string{DefaultModel, DefaultServedName, "smollm2-135m-INSTRUCT", "huggingfacetb/smollm2-135m-instruct"} {
		if m, ok := Lookup(name); !ok || m.Name != DefaultModel || m.ServedName != DefaultServedName {
			t.Errorf("Lookup(%q) = %+v, %v", name, m, ok)
		}
	}
}

func TestPathsAreModels(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	put(t, filepath.Join(dir, "one.gguf"), []byte("GGUF"))
	put(t, filepath.Join(dir, "blob"), []byte("GGUF"))
	put(t, filepath.Join(dir, "org", "here"), []byte("GGUF"))
	put(t, filepath.Join(dir, "single", "a.GGUF"), nil)
	put(t, filepath.Join(dir, "several", "a.gguf"), nil)
	put(t, filepath.Join(dir, "several", "b.gguf"), nil)
	c := testCache(t, testModel(nil), "http://hub.invalid")
	for _, tt := range []struct{ arg, name, path string }{
		{"one.gguf", "one", "one.gguf"}, {"./one.gguf", "one", "./one.gguf"}, {"~/one.gguf", "one", dir + "/one.gguf"},
		{dir + "/one.gguf", "one", dir + "/one.gguf"}, {"blob", "blob", "blob"}, {"org/here", "here", "org/here"},
		{"single", "a", "single/a.GGUF"},
	} {
		r, err := c.Resolve(t.Context(), tt.arg, PullOptions{})
		if err != nil || r.Name != tt.name || r.Path != tt.path || r.Source != SourceFile || r.Model != nil {
			t.Errorf("%s: %+v, %v; want %s at %s", tt.arg, r, err, tt.name, tt.path)
		}
	}
	for _, arg := range []string{"missing.gguf", "./missing", "/no/such/file", "a/b/c", "models/x.gguf", "several", "~/missing"} {
		_, err := c.Resolve(t.Context(), arg, PullOptions{})
		if _, ok := errors.AsType[*FileError](err); !ok {
			t.Errorf("%s: %v, want a FileError", arg, err)
		}
	}
	if _, err := c.Resolve(t.Context(), "missing.gguf", PullOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want os.ErrNotExist", err)
	}
}

func TestUnknownNamesListTheKnown(t *testing.T) {
	c := testCache(t, testModel(nil), "http://hub.invalid")
	for _, name := range []string{"", "Tinyy", "org/", "/", "org/na me", "org/../x", "org/x:../../etc/passwd", "org/x:a\\b.gguf"} {
		_, err := c.Resolve(t.Context(), name, PullOptions{})
		_, unknown := errors.AsType[*UnknownModelError](err)
		_, file := errors.AsType[*FileError](err)
		if !unknown && !file {
			t.Errorf("%q: %v", name, err)
		}
		if unknown && !strings.Contains(err.Error(), "Tiny") {
			t.Errorf("%q: %v does not name the known models", name, err)
		}
	}
}

func TestRepositoryIsPinnedAndCached(t *testing.T) {
	data := content(1000, 1)
	commit := strings.Repeat("a", 40)
	h := (&fakeHub{data: data, listing: `{"sha":"` + commit + `","siblings":[{"rfilename":"README.md"},
		{"rfilename":"m.Q8_0.gguf"},{"rfilename":"m.Q2_K.gguf"},{"rfilename":"../m.Q4_1.gguf"}]}`}).start(t)
	c := testCache(t, testModel(nil), h.hub.URL)
	r, err := c.Resolve(t.Context(), "org/m-GGUF", PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "org/m-GGUF" || r.Path != filepath.Join(c.Dir(), "org", "m-GGUF", "m.Q8_0.gguf") {
		t.Errorf("got %+v", r)
	}
	wantWhole(t, c, r, data)
	asked := len(h.requests)
	if path := h.requests[asked-1].URL.Path; h.requests[1].URL.Path != "/org/m-GGUF/resolve/"+commit+"/m.Q8_0.gguf" {
		t.Errorf("asked for %s, want the commit of the listing", path)
	}
	c.config.Offline = true // from now on
	again, err := c.Resolve(t.Context(), "org/m-GGUF:q8_0", PullOptions{})
	if err != nil || again.Path != r.Path || len(h.requests) != asked {
		t.Errorf("again: %+v, %v, %d more requests", again, err, len(h.requests)-asked)
	}
	list, err := c.List()
	if err != nil || len(list) != 1 || list[0].Name != "org/m-GGUF:m.Q8_0.gguf" || list[0].Bytes != 1000 {
		t.Errorf("List() = %+v, %v", list, err)
	}
	if found, err := c.Resolve(t.Context(), list[0].Name, PullOptions{}); err != nil || found.Path != r.Path {
		t.Errorf("the listed name gives %+v, %v", found, err)
	}
	_, err = c.Resolve(t.Context(), "org/m-GGUF:absent.gguf", PullOptions{})
	if e, ok := errors.AsType[*ChoiceError](err); !ok || !slices.Equal(e.Choices, []string{"m.Q2_K.gguf", "m.Q8_0.gguf"}) {
		t.Errorf("got %v, want a ChoiceError with both files", err)
	}
}

func TestBadListingsAreRefused(t *testing.T) {
	for _, body := range []string{"<html>", "{}", `{"sha":"main","siblings":[]}`, `{"sha":7}`} {
		h := (&fakeHub{listing: body}).start(t)
		c := testCache(t, testModel(nil), h.hub.URL)
		_, err := c.Resolve(t.Context(), "org/x", PullOptions{})
		if _, ok := errors.AsType[*FetchError](err); !ok {
			t.Errorf("%s: %v, want a FetchError", body, err)
		}
	}
	h := (&fakeHub{listing: `{"sha":"` + strings.Repeat("a", 40) + `","siblings":[{"rfilename":"model.safetensors"}]}`}).start(t)
	_, err := testCache(t, testModel(nil), h.hub.URL).Resolve(t.Context(), "org/x", PullOptions{})
	if e, ok := errors.AsType[*ChoiceError](err); !ok || len(e.Choices) != 0 {
		t.Errorf("got %v, want a ChoiceError without choices", err)
	}
}
