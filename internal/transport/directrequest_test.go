package transport

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tinsmith.example/internal/wire"
)

// What net/http's server reads of a request is what was to be sent, and nothing
// else: above all, no Accept-Encoding, since nothing here would decompress.
func TestARequestReadsBack(t *testing.T) {
	client, err := New(Config{BaseURL: "http://localhost:8731/a%20b/", APIKey: "tml-test", UserAgent: "test/1",
		Header: http.Header{"X-Two": {"1", "2"}, "Content-Length": {"7"}, "Host": {"evil.test"}, "Transfer-Encoding": {"chunked"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []message{
		{method: http.MethodGet, path: "/api/v1/healthz?x=y", accept: "*/*"},
		{method: http.MethodPost, path: "/api/v1/asample", body: []byte(`{"a":1}`), accept: wire.MediaJSON, header: [][2]string{{"x-more", "ü\t~"}}},
		{method: http.MethodPost, path: "/api/v1/empty", accept: "*/*"},
	} {
		req, err := client.newRequest(t.Context(), "", m, "key", nil)
		if err != nil {
			t.Fatal(err)
		}
		var sent bytes.Buffer
		if err := writeRequest(&sent, req); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(&sent)
		got, err := http.ReadRequest(in)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(body, m.body) || in.Buffered() > 0 || got.ContentLength != int64(len(m.body)) {
			t.Errorf("%s: got %q, %d bytes behind it, %v", m.path, body, in.Buffered(), err)
		}
		if want := "/a%20b" + m.path; got.Method != m.method || got.RequestURI != want || got.Host != "localhost:8731" {
			t.Errorf("got %s %s at %s, want %s", got.Method, got.RequestURI, got.Host, want)
		}
		want := http.Header{"Accept": {m.accept}, "User-Agent": {"test/1"}, "X-Two": {"1", "2"}, "X-Api-Key": {"key"}}
		if m.method == http.MethodPost {
			want["Content-Type"] = []string{wire.MediaJSON}
			want["Content-Length"] = []string{got.Header.Get("Content-Length")}
		}
		for _, more := range m.header {
			want.Set(more[0], more[1])
		}
		if !maps.EqualFunc(got.Header, want, slices.Equal) {
			t.Errorf("%s: got %q, want %q", m.path, got.Header, want)
		}
	}
}

// A request that could be read as another one is not sent at all, and not tried
// again.
func TestHeadersCannotBeInjected(t *testing.T) {
	for _, header := range []http.Header{
		{"X": {"a\r\nX-Api-Key: other"}}, {"X": {"a\nb"}}, {"X": {"a\x00"}}, {"X": {"ok", "\x7f"}}, {"X y": {"a"}}, {"X:": {"a"}}, {"": {"a"}}, {"X\r\nY": {"a"}},
	} {
		s := &lineServer{serve: func(int, net.Conn) {}}
		client, err := New(Config{BaseURL: "http://localhost", APIKey: "tml-test", UserAgent: "test", Header: header, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if !canProbe {
			t.Skip("not on this system")
		}
		client.owned.DialContext = s.DialContext
		err = client.Do(t.Context(), Call{Path: "/path", Policy: Patiently})
		if _, unsendable := errors.AsType[*unsendableError](err); !unsendable || s.conns.Load() != 0 {
			t.Errorf("%q: %v, over %d connections", header, err, s.conns.Load())
		}
		if strings.Contains(err.Error(), "other") {
			t.Errorf("the error repeats what may be a secret: %v", err)
		}
	}
}

// FuzzHeader holds that any header is refused, or read as it was meant.
func FuzzHeader(f *testing.F) {
	f.Add("X-Name", "value")
	f.Add("X", "a\r\nY: b")
	f.Add("X\r\nY", "a")
	f.Add("X", " \x80\xff")
	f.Fuzz(func(t *testing.T, name, value string) {
		req, err := http.NewRequest(http.MethodPost, "http://localhost/", nil)
		if err != nil {
			t.Fatal(err)
		}
		name = http.CanonicalHeaderKey(name)
		req.Header = http.Header{name: {value}}
		var sent bytes.Buffer
		if writeRequest(&sent, req) != nil {
			return
		}
		got, err := http.ReadRequest(bufio.NewReader(&sent))
		if err != nil {
			t.Fatalf("%q: %q is not read: %v", name, value, err)
		}
		got.Header.Del("Content-Length")
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			delete(req.Header, name)
		default:
			req.Header.Set(name, strings.Trim(value, " \t"))
		}
		if !maps.EqualFunc(got.Header, req.Header, slices.Equal) {
			t.Errorf("got %q, want %q", got.Header, req.Header)
		}
	})
}
