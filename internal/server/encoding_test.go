package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

func TestChooseEncoding(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                    "",
		"identity":                            "",
		"br":                                  "",
		"gzip, deflate, zstd":                 "zstd", // the official client's
		"gzip, deflate, br":                   "gzip",
		"GZIP":                                "gzip",
		"zstd;q=0.5, gzip;q=0.8":              "gzip",
		"zstd;q=0, gzip":                      "gzip",
		"zstd; q=0.0":                         "",
		"*":                                   "zstd",
		"*;q=0.5, zstd;q=0":                   "gzip",
		"gzip;q=x":                            "",
		"gzip;q=0.001":                        "gzip",
		"deflate;q=1.0, *;q=0":                "",
		"x;y;z,,;q=1,\"gzip\", zst, zstd\x00": "",
	} {
		if got := chooseEncoding([]string{accept}); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
	if got := chooseEncoding([]string{"deflate", "gzip"}); got != encodingGzip {
		t.Errorf("two headers: %q, want gzip", got)
	}
	if got := chooseEncoding(nil); got != "" {
		t.Errorf("no header: %q", got)
	}
}

// unpack undoes an answer's encoding and checks the length that it announces.
func unpack(t *testing.T, r *http.Response) []byte {
	t.Helper()
	_, sent := read(t, r)
	if n := r.Header.Get("Content-Length"); n != strconv.Itoa(len(sent)) {
		t.Errorf("Content-Length %q of %d bytes", n, len(sent))
	}
	var from io.Reader
	var err error
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "":
		return sent
	case encodingGzip:
		from, err = gzip.NewReader(bytes.NewReader(sent))
	case encodingZstd:
		from, err = zstd.NewReader(bytes.NewReader(sent), zstd.WithDecoderConcurrency(1))
	default:
		t.Fatalf("Content-Encoding %q", encoding)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// TestAnswersAreCompressed as the client takes it, JSON and protobuf alike: large
// ones that become smaller, and no errors.
func TestAnswersAreCompressed(t *testing.T) {
	_, c := serve(t, &fakeBackend{sample: func(_ context.Context, r *engine.Request) (*engine.Result, error) {
		res := fakeResult(r)
		s := &res.Sequences[0]
		s.Tokens, s.Logprobs = nil, nil
		for i := range 500 {
			s.Tokens = append(s.Tokens, int32(i%7))
			s.Logprobs = append(s.Logprobs, -0.25)
		}
		return res, nil
	}}, Limits{})
	p := c.submit(sampleOf(c.newSampler(), 0))
	body, _ := wire.Encode(wire.RetrieveFutureRequest{RequestID: p.RequestID})
	retrieve := func(accept, encodings string) *http.Response {
		r := request("POST", wire.PathRetrieveFuture, string(body))
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Encoding", encodings)
		return c.do(r)
	}
	for _, media := range []string{wire.MediaProtobuf, wire.MediaJSON} {
		plain := unpack(t, retrieve(media, ""))
		for _, encoding := range []string{encodingGzip, encodingZstd} {
			answer := retrieve(media, encoding)
			if got := answer.Header.Get("Content-Encoding"); got != encoding || answer.Header.Get("Vary") != "Accept-Encoding" || answer.Header.Get("Content-Type") != media {
				t.Errorf("%s in %s: %v", media, encoding, answer.Header)
			}
			if got := unpack(t, answer); !bytes.Equal(got, plain) {
				t.Errorf("%s in %s is not what it is without", media, encoding)
			}
		}
	}
	health := request("GET", wire.PathHealthz, "")
	health.Header.Set("Accept-Encoding", encodingGzip)
	if answer := c.do(health); answer.Header.Get("Content-Encoding") != "" || string(unpack(t, answer)) != `{"status":"ok"}` {
		t.Errorf("a small answer: %v", answer.Header)
	}
	bad := request("POST", wire.PathRetrieveFuture, `{"request_id":"`+strings.Repeat("x", 5000)+`"}`)
	bad.Header.Set("Accept-Encoding", encodingGzip)
	if answer := c.do(bad); answer.StatusCode != 404 || answer.Header.Get("Content-Encoding") != "" || !strings.Contains(detail(t, unpack(t, answer)), "xxx") {
		t.Errorf("an error: %d %v", answer.StatusCode, answer.Header)
	}
}

// A deadlineWriter notes the deadlines of its writes.
type deadlineWriter struct {
	*httptest.ResponseRecorder
	now   time.Time // the latest
	bytes map[time.Time]int
}

func (w *deadlineWriter) SetWriteDeadline(t time.Time) error { w.now = t; return nil }

func (w *deadlineWriter) Write(b []byte) (int, error) {
	w.bytes[w.now] += len(b)
	return w.ResponseRecorder.Write(b)
}

// TestAnswersAreNotHeldForEver: whatever is answered, a client that does not read
// it is waited for a minute from then on, and the connection's next request for as
// long as it likes.
func TestAnswersAreNotHeldForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{sample: blocked(nil)}, Limits{})
		poll, _ := wire.Encode(wire.RetrieveFutureRequest{RequestID: c.submit(sampleOf(c.newSampler(), 0)).RequestID})
		for _, r := range []*http.Request{
			request("GET", wire.PathListSessions, ""),
			request("GET", "/nowhere", ""),
			request("POST", wire.PathRetrieveFuture, string(poll)),
		} {
			w := &deadlineWriter{httptest.NewRecorder(), time.Time{}, map[time.Time]int{}}
			c.h.ServeHTTP(w, r)
			if n := w.Body.Len(); n == 0 || w.bytes[time.Now().Add(time.Minute)] != n {
				t.Errorf("%s: %d bytes, written with deadlines %v", r.URL, n, w.bytes)
			}
			if !w.now.IsZero() {
				t.Errorf("%s: the deadline %v is left", r.URL, w.now)
			}
		}
	})
}

// TestLargeAnswersWaitForRoom: what takes memory to make, and so many times as it
// is asked for at once, is made as there is room, in each key's own; and the binary
// form, which takes none, does not wait.
func TestLargeAnswersWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := serve(t, &fakeBackend{sample: func(_ context.Context, r *engine.Request) (*engine.Result, error) {
			res := fakeResult(r)
			q := &res.Sequences[0]
			q.Tokens, q.Logprobs = make([]int32, smallBody/64), make([]float32, smallBody/64)
			return res, nil
		}}, Limits{QueuedBytes: 3 << 20, KeyQueuedBytes: 1 << 20})
		id := c.submit(sampleOf(c.newSampler(), 0)).RequestID
		body, _ := wire.Encode(wire.RetrieveFutureRequest{RequestID: id})
		ask := func(ctx context.Context, key, accept string) <-chan int {
			r := request("POST", wire.PathRetrieveFuture, string(body)).WithContext(ctx)
			r.Header.Set("X-API-Key", key)
			r.Header.Set("Accept", accept)
			answered := make(chan int, 1)
			go func() {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				answered <- w.Body.Len()
			}()
			synctest.Wait()
			return answered
		}
		holder := request("GET", "/", "")
		release, err := s.largeAnswer(holder, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(ask(t.Context(), "tml-test", wire.MediaProtobuf)) != 1 || len(ask(t.Context(), "tml-other", wire.MediaJSON)) != 1 {
			t.Error("the binary form waits, or another key does")
		}
		waits := ask(t.Context(), "tml-test", wire.MediaJSON)
		ctx, hangUp := context.WithCancel(t.Context())
		gone := ask(ctx, "tml-test", wire.MediaJSON)
		if len(waits) != 0 || len(gone) != 0 {
			t.Fatal("JSON does not wait")
		}
		hangUp()
		if n := <-gone; n != 0 {
			t.Errorf("%d bytes for a client that has gone", n)
		}
		release()
		if n := <-waits; n < smallBody/64 {
			t.Errorf("an answer of %d bytes", n)
		}
	})
}

func TestRandomBitsAreNotCompressed(t *testing.T) {
	noise := make([]byte, 10_000)
	x := uint32(1)
	for i := range noise {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	for _, encoding := range []string{encodingGzip, encodingZstd, ""} {
		if small, ok := compress(encoding, noise); ok {
			t.Errorf("%s makes %d bytes of %d", encoding, len(small), len(noise))
		}
	}
}

// TestErrorsHaveALength, small and plain: clients take a 400 without one for a
// proxy's.
func TestErrorsHaveALength(t *testing.T) {
	s, _ := serve(t, &fakeBackend{}, Limits{})
	at := "http://" + listening(t, s)
	for _, version := range []int{1, 2} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(version == 1)
		transport.Protocols.SetUnencryptedHTTP2(version == 2)
		checkErrors(t, &http.Client{Transport: transport}, at)
		transport.CloseIdleConnections()
	}
}

func checkErrors(t *testing.T, client *http.Client, at string) {
	t.Helper()
	for path, body := range map[string]string{
		wire.PathSample:          `{`,
		wire.PathRetrieveFutures: `{"target":{"type":"x"}}`,
		wire.PathCreateSession:   `[]`,
	} {
		r, err := http.NewRequest("POST", at+path, io.MultiReader(strings.NewReader(body))) // of unknown length
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-API-Key", "tml-test")
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept-Encoding", "gzip, deflate, zstd")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != 400 || answer.ContentLength != int64(len(text)) || len(text) == 0 || len(answer.TransferEncoding) > 0 {
			t.Errorf("%s: %d, length %d of %d, %v, %v", path, answer.StatusCode, answer.ContentLength, len(text), answer.TransferEncoding, err)
		}
		detail(t, text)
	}
}

// TestEncodedBodiesAreRefused by name.
func TestEncodedBodiesAreRefused(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	for _, encodings := range [][]string{{"zstd"}, {"gzip"}, {"identity", "gzip"}, {"identity, gzip"}, {"x"}} {
		r := request("POST", wire.PathSample, "{}")
		r.Header["Content-Encoding"] = encodings
		if status, body := read(t, c.do(r)); status != 415 || !strings.Contains(detail(t, body), "Content-Encoding") {
			t.Errorf("%q: %d %s, want 415", encodings, status, body)
		}
	}
	r := request("POST", wire.PathClientConfig, "{}")
	r.Header.Set("Content-Encoding", "Identity")
	if status, body := read(t, c.do(r)); status != 200 {
		t.Errorf("identity: %d %s", status, body)
	}
}

// TestRequestsAreLogged for debugging: what was asked and answered, and nothing
// that is nobody else's business.
func TestRequestsAreLogged(t *testing.T) {
	var log strings.Builder
	s, err := New(Config{
		Models: []Model{{Name: fakeName, Backend: &fakeBackend{check: func(*engine.Request) error { return nil }}}},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	c := &caller{t, s}
	c.get(wire.PathHealthz)
	r := sampleOf(c.newSampler(), 0)
	r.Prompt.Chunks[0].Tokens = []int32{1908190819}
	c.submit(r)
	c.get("/no/where?secret=1")
	got := log.String()
	for _, want := range []string{
		"msg=request method=GET path=/api/v1/healthz status=200 duration=",
		"msg=request method=POST path=/api/v1/asample status=200 duration=",
		"msg=request method=GET path=/no/where status=404 duration=",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("the log lacks %q:\n%s", want, got)
		}
	}
	for _, never := range []string{"tml-test", "secret", "1908190819"} {
		if strings.Contains(got, never) {
			t.Errorf("the log has %q:\n%s", never, got)
		}
	}
}
