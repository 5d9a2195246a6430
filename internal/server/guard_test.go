package server

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"tinsmith.example/internal/wire"
)

func TestGuard(t *testing.T) {
	s, err := New(Config{
		Models:       []Model{{Name: fakeName, Backend: &fakeBackend{}}},
		AllowedHosts: []string{"Box.local"},
		Logger:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{t, s}
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"as it should be", func(*http.Request) {}, 200},
		{"localhost", host("localhost:8731"), 200},
		{"LOCALHOST.", host("LOCALHOST.:8731"), 200},
		{"127.0.0.1", host("127.0.0.1"), 200},
		{"127.8.8.8", host("127.8.8.8:1"), 200},
		{"::1", host("[::1]:8731"), 200},
		{"::1 without port", host("[::1]"), 200},
		{"mapped loopback", host("[::ffff:127.0.0.1]:1"), 200},
		{"allowed", host("box.LOCAL:99"), 200},
		{"rebound name", host("evil.example:8731"), 403},
		{"name with a good beginning", host("localhost.evil.example"), 403},
		{"name that looks like an address", host("127.0.0.1.evil.example"), 403},
		{"address of the network", host("192.168.1.2:8731"), 403},
		{"all addresses", host("0.0.0.0:8731"), 403},
		{"no host", host(""), 403},
		{"own origin", header("Origin", "http://127.0.0.1:8731"), 200},
		{"other origin", header("Origin", "http://evil.example"), 403},
		{"origin of another port", header("Origin", "http://127.0.0.1:9999"), 403},
		{"null origin", header("Origin", "null"), 403},
		{"cross-site fetch", header("Sec-Fetch-Site", "cross-site"), 403},
		{"same-site fetch", header("Sec-Fetch-Site", "same-site"), 403},
		{"typed address", header("Sec-Fetch-Site", "none"), 200},
		{"JSON with charset", header("Content-Type", "application/json; charset=UTF-8"), 200},
		{"JSON in Latin-1", header("Content-Type", "application/json; charset=latin1"), 415},
		{"form", header("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"text", header("Content-Type", "text/plain"), 415},
		{"no content type", header("Content-Type", ""), 415},
		{"protobuf", header("Content-Type", "application/x-protobuf"), 415},
		{"compressed", header("Content-Encoding", "zstd"), 415},
		{"not compressed", header("Content-Encoding", "identity"), 200},
		{"no key", header("X-API-Key", ""), 401},
		{"odd key", header("X-API-Key", "sk-1"), 401},
		{"token as key", header("X-API-Key", "eyJhbGciOi"), 200},
		{"wrong length", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 200},
	} {
		r := request("POST", wire.PathCreateSession, `{}`)
		tt.change(r)
		answer := c.do(r)
		status, body := read(t, answer)
		if status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, status, body, tt.status)
		}
		if status != 200 {
			detail(t, body)
		}
		for name := range answer.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: header %s lets other origins in", tt.name, name)
			}
		}
	}
}

func TestOneKey(t *testing.T) {
	s, err := New(Config{Models: []Model{{Name: fakeName, Backend: &fakeBackend{}}}, Key: "tml-right", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{t, s}
	for key, want := range map[string]int{"tml-right": 200, "tml-wrong": 401, "tml-right ": 401, "tml-": 401, "": 401} {
		r := request("POST", wire.PathCreateSession, `{}`)
		r.Header["X-Api-Key"] = []string{key}
		status, body := read(t, c.do(r))
		if status != want {
			t.Errorf("key %q: %d, want %d", key, status, want)
		}
		if strings.Contains(string(body), "right") {
			t.Errorf("the answer tells the key: %s", body)
		}
	}
	r := request("GET", wire.PathHealthz, "")
	r.Header.Del("X-API-Key")
	if status, _ := read(t, c.do(r)); status != 200 {
		t.Errorf("healthz without a key: %d, want 200", status)
	}
}

func TestRoutes(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	id := c.newSampler()
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/api/v1/healthz", 200},
		{"GET", "/services/tinker-prod/api/v1/healthz", 200},
		{"GET", "/api/v1/x/api/v1/healthz", 200},
		{"GET", "//api/v1/healthz", 200},
		{"GET", "/api/v1/samplers/" + id, 200},
		{"GET", "/p/api/v1/samplers/" + strings.ReplaceAll(id, ":", "%3A"), 200},
		{"GET", "/api/v1/samplers/nobody", 404},
		{"GET", "/api/v1/healthz/", 404},
		{"GET", "/api/v1//healthz", 404},
		{"GET", "/api/v1/../v1/healthz", 404},
		{"GET", "/api/v1/", 404},
		{"GET", "/api/v1", 404},
		{"GET", "/", 404},
		{"POST", "/api/v1/create_model", 404},
		{"GET", "/api/v1/asample", 405},
		{"DELETE", "/api/v1/samplers/" + id, 405},
		{"POST", "/", 405},
	} {
		answer := c.do(request(tt.method, tt.path, ""))
		status, body := read(t, answer)
		if status != tt.status {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.path, status, body, tt.status)
		}
		if status != 200 {
			detail(t, body)
		}
		if (status == 405) != (answer.Header.Get("Allow") != "") {
			t.Errorf("%s %s: Allow %q with %d", tt.method, tt.path, answer.Header.Get("Allow"), status)
		}
	}
}
