package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// content is a model of n bytes that no other seed gives.
func content(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// testModel is a catalogue entry for a file with that content.
func testModel(b []byte) Model {
	return Model{
		Name: "Tiny", ServedName: "maker/Tiny", Aliases: []string{"maker/Tiny"}, File: "tiny.gguf",
		Bytes: int64(len(b)), SHA256: sum(b),
		hub: hubFile{repo: "org/tiny-gguf", revision: strings.Repeat("c", 40), path: "tiny.gguf"},
	}
}

// patience is what tests allow that are not about time, so that they do not
// fail on a machine that is busy with something else.
const patience = time.Minute

// patient limits take nothing for stalled.
var patient = limits{answer: patience, stall: patience, pip: patience, backoff: time.Millisecond}

// testCache knows one model, tries Python nowhere, and takes nothing for
// stalled: tests of that set limits of their own.
func testCache(t testing.TB, m Model, endpoint string) *Cache {
	t.Helper()
	c := New(Config{Dir: filepath.Join(t.TempDir(), "models"), HubEndpoint: endpoint, Pythons: []string{}})
	c.models = []Model{m}
	c.limits = patient
	return c
}

// A fakeHub serves one file the way the Hub does: its own answer to HEAD has
// the linked length and checksum, and GET redirects to a storage on another
// host. Fields are set before the first request.
type fakeHub struct {
	data    []byte
	listing string                                              // answer of the API; empty: 404
	linked  http.Header                                         // replaces parts of the answer to HEAD
	head    http.HandlerFunc                                    // replaces the answer to HEAD
	storage func(n int, w http.ResponseWriter, r *http.Request) // replaces the storage; n counts its requests from 0

	hub, store *httptest.Server

	mu       sync.Mutex
	requests []*http.Request // of both, in order
}

func (h *fakeHub) start(t testing.TB) *fakeHub {
	h.store = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := h.record(r, h.store) - 1
		if h.storage != nil {
			h.storage(n, w, r)
			return
		}
		h.serve(w, r)
	}))
	h.hub = httptest.NewUnstartedServer(http.HandlerFunc(h.answer))
	h.store.Start() // now that the handlers' fields are set
	h.hub.Start()
	t.Cleanup(h.hub.Close)
	t.Cleanup(h.store.Close)
	return h
}

// record returns how many requests the server has had.
func (h *fakeHub) record(r *http.Request, to *httptest.Server) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests = append(h.requests, r)
	n := 0
	for _, r := range h.requests {
		if "http://"+r.Host == to.URL {
			n++
		}
	}
	return n
}

func (h *fakeHub) answer(w http.ResponseWriter, r *http.Request) {
	h.record(r, h.hub)
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/"):
		if h.listing == "" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, h.listing)
	case r.Method == http.MethodHead && h.head != nil:
		h.head(w, r)
	default:
		w.Header().Set("X-Linked-Etag", `"`+sum(h.data)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(h.data)))
		for k, v := range h.linked {
			w.Header()[k] = v
		}
		http.Redirect(w, r, h.store.URL+"/blob?signature=secret", http.StatusFound)
	}
}

// serve honours ranges, as the storage does.
func (h *fakeHub) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"stored"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.data))
}

// cut sends the first n bytes of a whole answer and breaks the connection.
func (h *fakeHub) cut(w http.ResponseWriter, n int, etag string) {
	w.Header().Set("ETag", etag)
	w.Header().Set("Content-Length", fmt.Sprint(len(h.data)))
	w.Write(h.data[:n])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// toStore are the requests that reached the storage.
func (h *fakeHub) toStore() []*http.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	var rs []*http.Request
	for _, r := range h.requests {
		if "http://"+r.Host == h.store.URL {
			rs = append(rs, r)
		}
	}
	return rs
}

// files are the names of all files under dir, from dir on.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return names
}
