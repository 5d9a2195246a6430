package catalog

import (
	"crypto/sha256"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnwritableCacheNamesTheVariable(t *testing.T) {
	data := content(1000, 1)
	for _, name := range []string{"tiny", "org/other"} {
		h := (&fakeHub{data: data, listing: `{"sha":"` + strings.Repeat("a", 40) + `","siblings":[{"rfilename":"x.gguf"}]}`}).start(t)
		c := testCache(t, testModel(data), h.hub.URL)
		// A folder below a file cannot be made, not even by root, whom the
		// permission bits of a read-only folder would not stop.
		if err := os.WriteFile(c.config.Dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := c.Resolve(t.Context(), name, PullOptions{})
		if e, ok := errors.AsType[*CacheError](err); !ok || !strings.HasPrefix(e.Dir, c.Dir()) || !strings.Contains(err.Error(), "TINSMITH_CACHE") {
			t.Errorf("%s: got %v, want a CacheError", name, err)
		}
		if len(h.toStore()) != 0 {
			t.Errorf("%s: downloaded all the same", name)
		}
	}
}

func TestReadOnlyCacheStillServesWhatItHas(t *testing.T) {
	data := content(1000, 1)
	c := testCache(t, testModel(data), "http://hub.invalid")
	dir := filepath.Dir(c.path(c.models[0]))
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(c.path(c.models[0]), data, 0o400), os.Chmod(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	r, err := c.Resolve(t.Context(), "tiny", PullOptions{Progress: func(e ProgressEvent) { t.Errorf("event %+v", e) }})
	if err != nil || r.Source != SourceCache {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestFullDiskIsSaid(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	p := &part{final: "/models/tiny.gguf", size: 5_000_000, file: full, hash: sha256.New()}
	_, err = p.Write(make([]byte, 4096))
	e, ok := errors.AsType[*DiskFullError](err)
	if !ok || e.Need != 5_000_000 || !strings.Contains(err.Error(), "TINSMITH_CACHE") {
		t.Errorf("got %v, want a DiskFullError", err)
	}
	if !local(err) {
		t.Error("a full disk must not lead to the next source")
	}
}

func TestDiskIsLookedAtBeforeADownload(t *testing.T) {
	dir := t.TempDir()
	if freeSpace(dir) < 0 {
		t.Skip("free space is not known on this system")
	}
	if _, ok := errors.AsType[*DiskFullError](checkSpace(dir, math.MaxInt64)); !ok {
		t.Error("no disk is that large")
	}
	if err := checkSpace(dir, 1); err != nil {
		t.Error(err)
	}
}

func TestVerifyFindsChangedBytes(t *testing.T) {
	data := content(1000, 1)
	c := testCache(t, testModel(data), "")
	put(t, c.path(c.models[0]), data)
	in, ok := c.Installed("tiny")
	if !ok || c.Verify(t.Context(), in) != nil {
		t.Fatalf("%+v, %v: %v", in, ok, c.Verify(t.Context(), in))
	}
	data[500] ^= 1
	put(t, in.Path, data)
	if _, ok := errors.AsType[*ChecksumError](c.Verify(t.Context(), in)); !ok {
		t.Error("a changed byte was not found")
	}
}
