package server

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tinsmith.example/internal/engine"
)

// TestRecordedRequests sends what the official client 0.38.0 was seen to send.
// Package wire holds whole exchanges with another server; their answers are not
// looked at here.
func TestRecordedRequests(t *testing.T) {
	refused := map[string]string{ // to what its 400 names
		"33-asample-image.json":               "image",
		"34-asample-image-asset-pointer.json": "image_asset_pointer",
		"35-asample-dmel.json":                "dmel",
	}
	_, c := serve(t, &fakeBackend{check: func(*engine.Request) error { return nil }}, Limits{})
	var files []string
	for _, pattern := range []string{"0[1-4]-*.json", "[23]?-asample-*.json", "5[456]-asample-*.json", "6[012]-telemetry-*.json"} {
		found, err := filepath.Glob(filepath.Join("../wire/testdata", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no recorded exchanges %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		name := filepath.Base(file)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var exchange struct {
			Request struct {
				Method, Path string
				Headers      map[string]string
				Body         map[string]json.RawMessage
			}
		}
		if err := json.Unmarshal(raw, &exchange); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body := exchange.Request.Body
		session := c.session()
		for member, id := range map[string]string{"session_id": session, "sampling_session_id": c.sampler(session, 0)} {
			if _, ok := body[member]; ok {
				body[member], _ = json.Marshal(id)
			}
		}
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r := request(exchange.Request.Method, exchange.Request.Path, string(text))
		for header, value := range exchange.Request.Headers {
			r.Header.Set(header, value)
		}
		answer := c.do(r)
		status, got := read(t, answer)
		if what, ok := refused[name]; ok {
			if status != http.StatusBadRequest || !strings.Contains(detail(t, got), what) {
				t.Errorf("%s: %d %s, want 400 about %s", name, status, got, what)
			}
		} else if status != 200 {
			t.Errorf("%s: %d %s", name, status, got)
		}
	}
}
