package main

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/server"
	"tinsmith.example/internal/testmodel"
	"tinsmith.example/internal/tinymodel"
)

// TestDebugHandler: it counts, shows profiles, and answers to no other name than
// this machine's.
func TestDebugHandler(t *testing.T) {
	e, err := engine.Open(testmodel.Tiny(t, tinymodel.Options{}), engine.Options{Threads: 1, KVTokens: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := server.New(server.Config{Models: []server.Model{{Name: "m", Backend: e}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	get := func(url string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		debugHandler(s).ServeHTTP(w, httptest.NewRequest("GET", url, nil))
		return w
	}
	var counts map[string]int64
	if err := json.Unmarshal(get("http://127.0.0.1:1/debug/counts").Body.Bytes(), &counts); err != nil || counts["goroutines"] == 0 || counts["sessions"] != 0 || len(counts) != 8 {
		t.Errorf("counts %v, %v", counts, err)
	}
	for url, want := range map[string]int{
		"http://localhost:1/debug/pprof/goroutine?debug=1": 200,
		"http://evil.example:1/debug/counts":               403,
		"http://localhost:1/other":                         404,
	} {
		if got := get(url).Code; got != want {
			t.Errorf("%s: %d, want %d", url, got, want)
		}
	}
}
