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
		{method: http.MethodPost, path: "/api/v1/asample", body: []byte(`{"a":1}`), accept: wire.MediaJSON, header: []field{{"x-more", "ü\t~"}}},
		{method: http.MethodPost, path: "/api/v1/empty", accept: "*/*"},
	} {
		if client.direct == nil {
			t.Skip("not on this system")
		}
		r := &request{method: m.method, prefix: client.direct.prefix, path: m.path, host: client.direct.host,
			fields: client.fields(nil, "", &m, "key"), body: m.body}
		var sent bytes.Buffer
		if err := r.writeTo(&sent); err != nil {
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
			want.Set(more.name, more.value)
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
		{"X": {"a\r\nX-Api-Key: other"}}, {"X": {"a\nb"}}, {"X": {"a\x00"}}, {"X": {"ok", "\x7f"}}, {"X y": {"a"}}, {"Uſer-Agent": {"a"}}, {"X:": {"a"}}, {"": {"a"}}, {"X\r\nY": {"a"}},
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
	f.Add("content-length", "9")
	f.Fuzz(func(t *testing.T, name, value string) {
		var sent bytes.Buffer
		r := &request{method: http.MethodPost, path: "/", host: "localhost", fields: []field{{name, value}}}
		if r.writeTo(&sent) != nil {
			return
		}
		got, err := http.ReadRequest(bufio.NewReader(&sent))
		if err != nil {
			t.Fatalf("%q: %q is not read: %v", name, value, err)
		}
		if length := got.Header["Content-Length"]; !slices.Equal(length, []string{"0"}) {
			t.Errorf("Content-Length is %q", length)
		}
		got.Header.Del("Content-Length")
		want := http.Header{}
		switch http.CanonicalHeaderKey(name) {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		default:
			want.Set(name, strings.Trim(value, " \t"))
		}
		if !maps.EqualFunc(got.Header, want, slices.Equal) {
			t.Errorf("got %q, want %q", got.Header, want)
		}
	})
}

// FuzzTarget holds that any path is refused, or asked for as it is.
func FuzzTarget(f *testing.F) {
	f.Add("/api/v1/samplers/a%20b?x=y")
	f.Add("/a HTTP/1.1\r\nX-Api-Key: other\r\n\r\n")
	f.Add("/a b")
	f.Add("//host/path")
	f.Add("/#")
	f.Add("")
	f.Fuzz(func(t *testing.T, path string) {
		var sent bytes.Buffer
		r := &request{method: http.MethodGet, prefix: "/prefix", path: path, host: "localhost"}
		if r.writeTo(&sent) != nil {
			return
		}
		got, err := http.ReadRequest(bufio.NewReader(&sent))
		if err != nil {
			return // the server will say so
		}
		if want := "/prefix" + path; got.RequestURI != want || got.Host != "localhost" || len(got.Header) > 0 {
			t.Errorf("asked for %q of %q with %q, want %q", got.RequestURI, got.Host, got.Header, want)
		}
	})
}

// What the API says in a header, no header of the caller's says in its place.
func TestHeadersOfTheAPIComeFirst(t *testing.T) {
	client, err := New(Config{BaseURL: "http://localhost", APIKey: "tml-test", UserAgent: "test",
		Header: http.Header{"x-api-key": {"other"}, "Accept": {"other"}, "X-Sdk-Method": {"other"}, "X-Two": {"1", "2"}, "x-two": {"3"}, "Accept-Language": {"en"}}})
	if err != nil {
		t.Fatal(err)
	}
	m := &message{method: http.MethodGet, path: "/", accept: "*/*"}
	got := headerOf(client.fields(nil, "SamplingClient.Sample", m, "tml-test"))
	slices.Sort(got["X-Two"])
	want := http.Header{"X-Api-Key": {"tml-test"}, "Accept": {"*/*"}, "User-Agent": {"test"}, "X-Two": {"1", "2", "3"}, "Accept-Language": {"en"},
		"X-Sdk-Version": {wire.ContractVersion}, "X-Sdk-Method": {wire.SDKMethod("SamplingClient.Sample")}}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
}
