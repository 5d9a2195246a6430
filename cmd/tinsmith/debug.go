package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"time"

	"tinsmith.example/internal/server"
)

// debugHandler shows the server from inside to people on this machine: profiles,
// and at /debug/counts, as JSON, what it has and has done. Whoever can ask it
// learns nothing of keys or prompts, but much of what the process does.
func debugHandler(s *server.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/counts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(struct { // who has gone needs no answer
			server.Counts
			Goroutines int `json:"goroutines"`
		}{s.Counts(), runtime.NumGoroutine()})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil || !loopback(host) { // a web page that lets a name of its own point here
			http.Error(w, "address this by 127.0.0.1 or localhost", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// serveDebug answers on l until the function that it returns is called.
func serveDebug(l net.Listener, s *server.Server) (stop func()) {
	h := &http.Server{Handler: debugHandler(s), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Serve(l) // ends with Close
	}()
	return func() {
		_ = h.Close()
		<-done
	}
}
