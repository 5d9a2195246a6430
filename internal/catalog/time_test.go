package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A script answers request n with its n-th function, and the last one from
// then on. It is a transport without a network, so that time can be virtual.
type script struct {
	steps []func(*http.Request) (*http.Response, error)
	at    []time.Time // when each request came
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	n := min(len(s.at), len(s.steps)-1)
	s.at = append(s.at, time.Now())
	return s.steps[n](r)
}

// hang answers nothing.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func respond(status int, header http.Header, length int64, body io.Reader) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		if s, ok := body.(*stalling); ok {
			s.ctx = r.Context()
		}
		return &http.Response{StatusCode: status, Header: header, ContentLength: length, Body: io.NopCloser(body), Request: r}, nil
	}
}

func headed(data []byte) func(*http.Request) (*http.Response, error) {
	return respond(200, http.Header{"X-Linked-Etag": {`"` + sum(data) + `"`}}, int64(len(data)), http.NoBody)
}

// stalling gives its bytes and then nothing until the request ends.
type stalling struct {
	data io.Reader
	ctx  context.Context
}

func (s *stalling) Read(b []byte) (int, error) {
	if n, err := s.data.Read(b); err == nil {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func scripted(t *testing.T, data []byte, steps ...func(*http.Request) (*http.Response, error)) (*Cache, *script) {
	c := testCache(t, testModel(data), "https://hub.example")
	s := &script{steps: steps}
	c.http, c.limits = s, defaultLimits
	return c, s
}

func TestHubThatHangsIsLeftAfterFiveSeconds(t *testing.T) {
	for _, name := range []string{"tiny", "org/other"} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := scripted(t, content(10, 1), hang)
			start := time.Now()
			_, err := c.Resolve(t.Context(), name, PullOptions{})
			if _, ok := errors.AsType[*FetchError](err); !ok || time.Since(start) != 5*time.Second {
				t.Errorf("%s: %v after %v, want a FetchError after 5 s", name, err, time.Since(start))
			}
		})
	}
}

func TestStalledDownloadIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := content(1000, 1)
		rest := func(r *http.Request) (*http.Response, error) {
			if got := r.Header.Get("Range"); got != "bytes=400-" {
				t.Errorf("Range = %q", got)
			}
			if got := r.Header.Get("If-Range"); got != `"e"` {
				t.Errorf("If-Range = %q", got)
			}
			return respond(206, http.Header{"Content-Range": {"bytes 400-999/1000"}}, 600, bytes.NewReader(data[400:]))(r)
		}
		c, s := scripted(t, data, headed(data),
			respond(200, http.Header{"Etag": {`"e"`}}, 1000, &stalling{data: bytes.NewReader(data[:400])}), rest)
		r, err := c.Resolve(t.Context(), "tiny", PullOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wantWhole(t, c, r, data)
		if got := s.at[2].Sub(s.at[1]); got != 31*time.Second { // 30 s without a byte, 1 s of backoff
			t.Errorf("taken up again after %v, want 31 s", got)
		}
	})
}

func TestStalledForGoodIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := content(1000, 1)
		c, s := scripted(t, data, headed(data), hang)
		_, err := c.Resolve(t.Context(), "tiny", PullOptions{})
		if !errors.Is(err, ErrStalled) || len(s.at) != 2+maxFailures {
			t.Errorf("%v after %d requests, want ErrStalled after %d", err, len(s.at), 2+maxFailures)
		}
	})
}

func TestRetryAfterIsHonouredWithinReason(t *testing.T) {
	for _, tt := range []struct {
		after string
		tries int
		wait  time.Duration
	}{{"7", 1 + maxFailures, 7 * time.Second}, {"3600", 1, 0}, {"", 1 + maxFailures, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			c, s := scripted(t, content(10, 1), respond(429, http.Header{"Retry-After": {tt.after}}, 0, http.NoBody))
			_, err := c.Resolve(t.Context(), "org/other", PullOptions{})
			if e, ok := errors.AsType[*HubError](err); !ok || e.Status != 429 {
				t.Errorf("got %v", err)
			}
			if len(s.at) != tt.tries {
				t.Fatalf("Retry-After %q: %d requests, want %d", tt.after, len(s.at), tt.tries)
			}
			if tt.tries > 1 && s.at[1].Sub(s.at[0]) != tt.wait {
				t.Errorf("Retry-After %q: waited %v, want %v", tt.after, s.at[1].Sub(s.at[0]), tt.wait)
			}
		})
	}
}

func TestEndOfContextKeepsOnlyThePart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := content(1000, 1)
		c, _ := scripted(t, data, headed(data), respond(200, http.Header{}, 1000, &stalling{data: bytes.NewReader(data[:400])}))
		stop := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(stop) })
		if _, err := c.Resolve(ctx, "tiny", PullOptions{}); !errors.Is(err, stop) {
			t.Errorf("got %v, want the cause", err)
		}
		got := files(t, c.Dir())
		if len(got) != 1 || got[0] != "Tiny/tiny.gguf."+sum(data)[:12]+".part" {
			t.Errorf("left: %v, want the .part alone", got)
		}
	})
}

func TestProgressIsThinnedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := content(100_000, 1)
		slow := readerFunc(func() func(b []byte) (int, error) {
			left := data
			return func(b []byte) (int, error) {
				time.Sleep(time.Millisecond)
				n := copy(b[:min(100, len(b))], left)
				if left = left[n:]; n == 0 {
					return 0, io.EOF
				}
				return n, nil
			}
		}())
		c, _ := scripted(t, data, headed(data), respond(200, http.Header{}, int64(len(data)), slow))
		var events []ProgressEvent
		if _, err := c.Resolve(t.Context(), "tiny", PullOptions{Progress: func(e ProgressEvent) { events = append(events, e) }}); err != nil {
			t.Fatal(err)
		}
		var stages []string
		for i, e := range events {
			if e.Model != "Tiny" || e.Source != SourceHub {
				t.Errorf("event %+v", e)
			}
			if i > 0 && e.Stage == events[i-1].Stage && e.Done <= events[i-1].Done {
				t.Errorf("%d bytes after %d", e.Done, events[i-1].Done)
			}
			if i == 0 || e.Stage != events[i-1].Stage {
				stages = append(stages, string(e.Stage))
			}
		}
		if got := fmt.Sprint(stages); got != "[connect download done]" {
			t.Errorf("stages %v", got)
		}
		if last := events[len(events)-2]; last.Done != last.Total || last.Total != 100_000 {
			t.Errorf("the last of the download is %+v", last)
		}
		if len(events) < 8 || len(events) > 15 { // 1 s of download
			t.Errorf("%d events in a second", len(events))
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestSecondCallWaitsAndFindsTheFile(t *testing.T) {
	data := content(1000, 1)
	release := make(chan struct{})
	h := &fakeHub{data: data}
	h.storage = func(_ int, w http.ResponseWriter, r *http.Request) { <-release; h.serve(w, r) }
	h.start(t)
	first := testCache(t, testModel(data), h.hub.URL)
	second := testCache(t, testModel(data), h.hub.URL)
	second.config.Dir = first.config.Dir
	done := make(chan error, 1)
	started := make(chan struct{})
	var once sync.Once
	go func() {
		_, err := first.Resolve(context.Background(), "tiny", PullOptions{Progress: func(e ProgressEvent) {
			if e.Stage == StageDownload && e.Done == 0 {
				close(started)
			}
		}})
		done <- err
	}()
	<-started
	r, err := second.Resolve(t.Context(), "tiny", PullOptions{Progress: func(e ProgressEvent) {
		if e.Stage == StageWait {
			once.Do(func() { close(release) })
		}
	}})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	wantWhole(t, second, r, data)
	if r.Source != SourceCache || len(h.toStore()) != 1 {
		t.Errorf("source %s, %d downloads; want the cache and 1", r.Source, len(h.toStore()))
	}
}

func TestWaitingForTheLockEndsWithTheContext(t *testing.T) {
	path := t.TempDir() + "/x.lock"
	release, err := lock(t.Context(), path, func() {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := lock(ctx, path, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	release()
	again, err := lock(t.Context(), path, func() { t.Error("the lock was released and still held") })
	if err != nil {
		t.Fatal(err)
	}
	again()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the lock file is still there: %v", err)
	}
}
