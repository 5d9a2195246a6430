//go:build unix

package catalog

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// childDir and childHub make this test binary a process that downloads the
// test's model, so that a test can kill it.
const (
	childDir = "TINSMITH_TEST_CATALOG_DIR"
	childHub = "TINSMITH_TEST_CATALOG_HUB"
)

func killData() []byte { return content(2_000_000, 7) }

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		c := New(Config{Dir: dir, HubEndpoint: os.Getenv(childHub), Pythons: []string{}})
		c.models, c.limits = []Model{testModel(killData())}, patient
		if _, err := c.Resolve(context.Background(), "tiny", PullOptions{}); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestKilledDownloadIsResumed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil bool // the part that the killed process has left
	}{{"as it was left", false}, {"spoilt", true}} {
		t.Run(tt.name, func(t *testing.T) {
			data := killData()
			h := &fakeHub{data: data}
			h.storage = func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 0 { // half of it, and then nothing until the client is dead
					w.Header().Set("Content-Length", "2000000")
					w.Write(data[:1_000_000])
					w.(http.Flusher).Flush()
					<-r.Context().Done()
					return
				}
				h.serve(w, r)
			}
			h.start(t)
			c := testCache(t, testModel(data), h.hub.URL)
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), childDir+"="+c.Dir(), childHub+"="+h.hub.URL)
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			part := filepath.Join(c.Dir(), "Tiny", "tiny.gguf."+sum(data)[:12]+".part")
			for deadline := time.Now().Add(patience); !hasSize(part, 1_000_000); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the child did not download")
				}
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait() // "signal: killed"
			if list, err := c.List(); err != nil || len(list) != 0 {
				t.Errorf("after the kill the cache lists %v, %v", list, err)
			}
			if tt.spoil {
				if err := os.WriteFile(part, bytes.Repeat([]byte("x"), 1_000_000), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r, err := c.Resolve(t.Context(), "tiny", PullOptions{})
			if err != nil {
				t.Fatal(err)
			}
			wantWhole(t, c, r, data)
			requests := h.toStore()
			if got := requests[1].Header.Get("Range"); got != "bytes=1000000-" {
				t.Errorf("Range = %q, want the second half", got)
			}
			if want := map[bool]int{false: 2, true: 3}[tt.spoil]; len(requests) != want {
				t.Errorf("%d requests, want %d", len(requests), want)
			}
		})
	}
}
