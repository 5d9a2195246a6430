package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// download fills p with the file at f, from where p is on, and finishes it. A
// connection that breaks or stalls is taken up again where it ended.
func (h *hub) download(ctx context.Context, f hubFile, p *part, r *reporter) error {
	at := h.fileURL(f)
	resumed := p.n > 0
	if err := h.fill(ctx, at, p, r); err != nil {
		p.close()
		return err
	}
	err := p.finish()
	if _, wrong := errors.AsType[*ChecksumError](err); !wrong || !resumed {
		return err
	}
	// What an earlier run had left may be at fault: once more, from the start.
	if p, err = openPart(p.final, p.want, p.size); err != nil {
		return err
	}
	if err := h.fill(ctx, at, p, r); err != nil {
		p.close()
		return err
	}
	return p.finish()
}

// fill downloads until p is full.
func (h *hub) fill(ctx context.Context, at string, p *part, r *reporter) error {
	etag := "" // of the last answer
	r.at(StageDownload, p.n, p.size)
	return h.again(ctx, broken, func() (bool, error) {
		if p.n == p.size {
			return false, nil
		}
		before := p.n
		err := h.stream(ctx, at, p, &etag, r)
		if err == nil && p.n < p.size {
			err = fmt.Errorf("the connection ended after %d of %d bytes: %w", p.n, p.size, io.ErrUnexpectedEOF)
		}
		return p.n-before >= muchProgress, err
	})
}

// stream makes one request and appends what comes.
func (h *hub) stream(ctx context.Context, at string, p *part, etag *string, r *reporter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := fmt.Errorf("%w: nothing for %v", ErrStalled, h.limits.stall)
	timer := time.AfterFunc(h.limits.stall, func() { cancel(stalled) })
	defer timer.Stop()

	if p.want == "" && *etag == "" { // nothing could tell that the rest is of the same file
		if err := p.restart(); err != nil {
			return err
		}
	}
	header := http.Header{"Accept-Encoding": {"identity"}}
	if p.n > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", p.n))
		if *etag != "" {
			header.Set("If-Range", *etag)
		}
	}
	resp, err := h.request(ctx, http.MethodGet, at, header, func(from, to *url.URL, _ *http.Response) bool { return true })
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := accept(at, resp, p); err != nil {
		return err
	}
	if *etag = resp.Header.Get("ETag"); strings.HasPrefix(*etag, "W/") {
		*etag = "" // weak: equal means alike, not the same bytes
	}
	buf := make([]byte, 256<<10)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			timer.Reset(h.limits.stall)
			if _, err := p.Write(buf[:n]); err != nil {
				return err
			}
			r.at(StageDownload, p.n, p.size)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return plain(ctx, err)
		}
	}
}

// accept looks whether an answer continues p, or begins anew, in which case p
// does, too.
func accept(at string, resp *http.Response, p *part) error {
	switch resp.StatusCode {
	case http.StatusOK: // the range was not honoured, or the file has changed
		if resp.ContentLength >= 0 && resp.ContentLength != p.size {
			return &LengthError{filepath.Base(p.final), p.size, resp.ContentLength}
		}
		return p.restart()
	case http.StatusPartialContent:
		var from, to, total int64
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &total)
		if err == nil && from == p.n && total == p.size {
			return nil
		}
		if err := p.restart(); err != nil {
			return err
		}
		return fmt.Errorf("%s sent another range than was asked for: %.80q", at, resp.Header.Get("Content-Range"))
	case http.StatusRequestedRangeNotSatisfiable:
		if err := p.restart(); err != nil {
			return err
		}
		return fmt.Errorf("%s has no bytes where the file should go on", at)
	}
	return hubError(at, resp)
}
