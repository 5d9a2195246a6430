package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// A part is a file that is being written. It gets its name when it is whole.
type part struct {
	final string // the name it will get
	want  string // SHA-256; empty: not known
	size  int64
	file  *os.File
	hash  hash.Hash // of what is in the file
	n     int64     // bytes in the file
}

// openPart opens the part of the file at final, with what an interrupted
// download of the same checksum has left in it. The lock of final must be held.
func openPart(final, want string, size int64) (*part, error) {
	path := partPath(final, want)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, cacheError(filepath.Dir(final), err)
	}
	p := &part{final: final, want: want, size: size, file: file, hash: sha256.New()}
	if p.n, err = io.Copy(p.hash, io.LimitReader(file, size+1)); err != nil {
		file.Close()
		return nil, err
	}
	if p.n > size || want == "" { // not a beginning of it, or nothing could tell
		err = p.restart()
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return p, nil
}

func partPath(final, want string) string {
	if want == "" {
		return final + ".part"
	}
	return final + "." + want[:12] + ".part"
}

// restart throws away what has been written.
func (p *part) restart() error {
	p.hash.Reset()
	p.n = 0
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

// Write appends to the file. Writing beyond its size is a *[LengthError].
func (p *part) Write(b []byte) (int, error) {
	if int64(len(b)) > p.size-p.n {
		return 0, &LengthError{filepath.Base(p.final), p.size, p.n + int64(len(b))}
	}
	n, err := p.file.Write(b)
	p.hash.Write(b[:n])
	p.n += int64(n)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = &DiskFullError{Dir: filepath.Dir(p.final), Need: p.size - p.n, Free: -1}
	}
	return n, err
}

// check compares length and checksum with what they should be.
func (p *part) check() error {
	if p.n != p.size {
		return &LengthError{filepath.Base(p.final), p.size, p.n}
	}
	if got := hex.EncodeToString(p.hash.Sum(nil)); p.want != "" && got != p.want {
		return &ChecksumError{filepath.Base(p.final), p.want, got}
	}
	return nil
}

// finish checks the file, makes it durable and gives it its name. If the file
// is wrong, it is removed.
func (p *part) finish() error {
	if err := p.check(); err != nil {
		p.discard()
		return err
	}
	if err := p.file.Sync(); err != nil {
		p.discard()
		return cacheError(filepath.Dir(p.final), err)
	}
	if err := p.file.Close(); err != nil {
		return cacheError(filepath.Dir(p.final), err)
	}
	if err := os.Rename(p.file.Name(), p.final); err != nil {
		return cacheError(filepath.Dir(p.final), err)
	}
	syncDir(filepath.Dir(p.final))
	return nil
}

// close keeps what has come so far for another try.
func (p *part) close() {
	p.file.Close()
	if p.n == 0 {
		os.Remove(p.file.Name())
	}
}

// discard removes the part.
func (p *part) discard() {
	p.file.Close()
	os.Remove(p.file.Name())
}

// syncDir makes a rename durable where the system can. After a crash without
// it the file may be missing, but it cannot be half there.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}

// verify compares the checksum of the file at path with want.
func verify(ctx context.Context, path, want string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := file.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return &ChecksumError{path, want, got}
	}
	return nil
}

// cacheError is err as what it means for the cache folder.
func cacheError(dir string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &DiskFullError{Dir: dir, Free: -1}
	}
	return &CacheError{Dir: dir, Err: err}
}

// checkSpace fails if dir's disk has less than need bytes left.
func checkSpace(dir string, need int64) error {
	if free := freeSpace(dir); free >= 0 && free < need {
		return &DiskFullError{Dir: dir, Need: need, Free: free}
	}
	return nil
}
