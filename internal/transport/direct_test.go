package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A lineServer is a server in memory that is told byte by byte what to send. It
// counts its connections.
type lineServer struct {
	serve func(n int, conn net.Conn) // connection n, from 1; closes it when it returns
	conns atomic.Int64
}

func (s *lineServer) DialContext(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	n := int(s.conns.Add(1))
	go func() {
		defer theirs.Close()
		s.serve(n, theirs)
	}()
	return ours, nil
}

// direct makes a transport to the server. What the test leaves open is closed at
// its end.
func (s *lineServer) direct(t testing.TB) *direct {
	t.Helper()
	dialer := newHTTPTransport("http://localhost")
	dialer.DialContext = s.DialContext
	return directTo(t, "http://localhost", dialer)
}

// client makes a client of the server, for as long as the test.
func (s *lineServer) client(t testing.TB) *Client {
	t.Helper()
	c, err := New(Config{BaseURL: "http://localhost", APIKey: "tml-test", UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if c.direct == nil {
		t.Skip("not on this system")
	}
	t.Cleanup(c.Close)
	c.owned.DialContext = s.DialContext
	return c
}

// directTo is newDirect for as long as the test.
func directTo(t testing.TB, base string, dialer *http.Transport) *direct {
	t.Helper()
	d := newDirect(base, dialer)
	if d == nil {
		t.Skip("not on this system")
	}
	t.Cleanup(func() {
		d.idle.close()
		dialer.CloseIdleConnections()
	})
	return d
}

// RoundTrip lets tests hold a direct against net/http.
func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	r := &request{method: req.Method, path: req.URL.RequestURI(), host: req.URL.Host}
	for name, values := range req.Header {
		for _, value := range values {
			r.fields = append(r.fields, field{name, value})
		}
	}
	if req.Body != nil {
		var err error
		if r.body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	return d.exchange(req.Context(), r, time.Hour)
}

// answering sends these bytes in answer to each request of a connection, and
// closes it afterwards if they are the last.
func answering(answer string, last bool) func(int, net.Conn) {
	return func(_ int, conn net.Conn) {
		in := bufio.NewReader(conn)
		for readRequest(in) == nil {
			if io.WriteString(conn, answer); last {
				return
			}
		}
	}
}

func readRequest(in *bufio.Reader) error {
	req, err := http.ReadRequest(in)
	if err == nil {
		_, err = io.Copy(io.Discard, req.Body)
	}
	return err
}

// post makes one exchange and reads the answer to its end.
func post(ctx context.Context, via http.RoundTripper, body string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/path", nil)
	if err != nil {
		return nil, "", err
	}
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	resp, err := via.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	return resp, string(said), err
}

func TestAConnectionIsReusedIfItsExchangeIsSurelyOver(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		last         bool // the server closes after it
		status       int
		body         string
		reused       bool
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false, 200, "ab", true},
		{"nothing", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "", true},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n", false, 200, "ab", true},
		{"trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n", false, 200, "ab", true},
		{"provisional first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 429 Busy\r\nContent-Length: 2\r\n\r\nab", false, 429, "ab", true},
		{"larger than the buffer", "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("a", 50000), false, 200, strings.Repeat("a", 50000), true},
		{"compressed unasked", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", false, 200, "\x1f\x8b", true},
		{"to the end", "HTTP/1.1 200 OK\r\n\r\nab", true, 200, "ab", false},
		{"asks to close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", false, 200, "ab", false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", false, 200, "ab", false},
		{"more behind it", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", false, 200, "ab", false},
		{"an answer behind it", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false, 204, "", false},
		{"other protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n", false, 101, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &lineServer{serve: answering(tt.answer, tt.last)}
				d := s.direct(t)
				const exchanges = 3
				for range exchanges {
					resp, said, err := post(t.Context(), d, "{}")
					if err != nil || resp.StatusCode != tt.status || said != tt.body {
						t.Fatalf("got %+v, %q, %v", resp, said, err)
					}
				}
				want := int64(exchanges)
				if tt.reused {
					want = 1
				}
				if got := s.conns.Load(); got != want {
					t.Errorf("%d connections, want %d", got, want)
				}
			})
		})
	}
}

func TestAnswersThatBreakOffAreErrors(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"no answer", "", "without an answer"},
		{"half a line", "HTTP/1.1 20", "malformed HTTP status"},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-Length: 2", "unexpected EOF"},
		{"provisional alone", "HTTP/1.1 100 Continue\r\n\r\n", "unexpected EOF"},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nab", "unexpected EOF"},
		{"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab", "unexpected EOF"},
		{"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "unexpected EOF"},
		{"not HTTP", "SSH-2.0-OpenSSH\r\n", "malformed HTTP response"},
		{"length twice", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "Content-Length"},
		{"length below zero", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab", "Content-Length"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &lineServer{serve: answering(tt.answer, true)}
				d := s.direct(t)
				for want := range int64(2) {
					if _, _, err := post(t.Context(), d, "{}"); err == nil || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("got %v, want %q", err, tt.want)
					}
					if got := s.conns.Load(); got != want+1 {
						t.Errorf("%d connections after %d requests: one was sent twice, or its connection reused", got, want+1)
					}
				}
			})
		})
	}
}

func TestTheHeaderOfAnAnswerIsBounded(t *testing.T) {
	const fits = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
	for _, tt := range []struct {
		name, answer string
		large        bool
	}{
		{"fits", fits + strings.Repeat("x", maxAnswerHeader-len(fits)-4) + "\r\n\r\n", false},
		{"one line", fits + strings.Repeat("x", maxAnswerHeader), true},
		{"no line", strings.Repeat("x", 2*maxAnswerHeader), true},
		{"many lines", fits + strings.Repeat("x\r\nX: ", maxAnswerHeader/6), true},
		{"many answers", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxAnswerHeader/25+1), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := (&lineServer{serve: answering(tt.answer, true)}).direct(t)
			_, _, err := post(t.Context(), d, "{}")
			if large := err != nil && strings.Contains(err.Error(), "larger than"); large != tt.large || !large && err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCancellationEndsAnExchange(t *testing.T) {
	for name, answer := range map[string]string{
		"before the answer": "",
		"in its header":     "HTTP/1.1 200 OK\r\nContent-Le",
		"in its body":       "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nab",
		"between chunks":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				closed := false
				s := &lineServer{serve: func(n int, conn net.Conn) {
					if n > 1 {
						answering("HTTP/1.1 204 No Content\r\n\r\n", false)(n, conn)
						return
					}
					in := bufio.NewReader(conn)
					readRequest(in)
					io.WriteString(conn, answer)
					_, err := in.ReadByte() // until the client closes
					closed = err == io.EOF
				}}
				d := s.direct(t)
				why, started := errors.New("why"), time.Now()
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Minute, func() { cancel(why) })
				_, _, err := post(ctx, d, "{}")
				if took := time.Since(started); took != time.Minute || !errors.Is(err, why) {
					t.Errorf("ended after %v with %v", took, err)
				}
				synctest.Wait()
				if !closed {
					t.Error("the connection is still there")
				}
				if _, _, err := post(t.Context(), d, "{}"); err != nil || s.conns.Load() != 2 {
					t.Errorf("then got %v, over %d connections", err, s.conns.Load())
				}
				if _, _, err := post(ctx, d, "{}"); !errors.Is(err, why) {
					t.Errorf("a request whose context has ended: %v", err)
				}
			})
		})
	}
}

// Silence ends an exchange, however much was heard before; an answer that trickles in
// does not.
func TestSilenceEndsAnExchange(t *testing.T) {
	const within = time.Minute
	const begun = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name string
		says []string // with 40 s before each
		rest bool     // the answer is complete then
	}{
		{"before the answer", nil, false}, {"in its header", []string{"HTTP/1.1 200", " OK\r\nContent-Le"}, false},
		{"in its body", []string{begun, "a", "b"}, false}, {"not at all", []string{begun, "abc", "def", "ghi"}, true},
		{"before its trailer", []string{chunked, "0\r\n"}, false}, {"in its trailer", []string{chunked + "0\r\nX: y\r\n"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &lineServer{serve: func(_ int, conn net.Conn) {
					in := bufio.NewReader(conn)
					for readRequest(in) == nil {
						for _, more := range tt.says {
							time.Sleep(40 * time.Second)
							io.WriteString(conn, more)
						}
					}
				}}
				client := s.client(t)
				for n := range int64(2) {
					time.Sleep(80 * time.Second) // longer than the last exchange's deadline
					started := time.Now()
					a := client.attempt(t.Context(), newTrail(""), message{method: http.MethodPost, path: "/", within: within}, "key")
					took, heard := time.Since(started), time.Duration(len(tt.says))*40*time.Second
					if tt.rest {
						if a.err != nil || string(a.body) != "abcdefghi" || took != heard || s.conns.Load() != 1 {
							t.Errorf("got %q, %v after %v, over %d connections", a.body, a.err, took, s.conns.Load())
						}
						continue
					}
					if silence, ok := a.err.(*timeoutError); !ok || silence.after != within || took != heard+within {
						t.Errorf("got %v after %v, want %v of silence after %v", a.err, took, within, heard)
					}
					if got := s.conns.Load(); got != n+1 || a.status != 0 {
						t.Errorf("%d connections, status %d", got, a.status)
					}
				}
			})
		})
	}
}

// Whether a request was on its way is not told by the cause of its context, which may
// be another call's failure.
func TestWhatTheServerGotIsNoMatterOfTheCause(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("refused")}
	for _, tt := range []struct {
		name      string
		after     time.Duration // the context ends
		cause     error
		abandoned int
	}{
		{"some cause", time.Second, errors.New("why"), 1},
		{"another call was not connected", time.Second, fmt.Errorf("another: %w", refused), 1},
		{"before it is sent", 0, errors.New("why"), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &lineServer{serve: func(_ int, conn net.Conn) {
					in := bufio.NewReader(conn)
					readRequest(in)
					in.ReadByte() // until the client closes
				}}
				client := s.client(t)
				told := 0
				sampler := client.NewSampler(SamplerConfig{
					Gate: NewGate(0, 0), Retry: RetryConfig{MaxConcurrent: 1, NoRetry: true, NoStuckDetection: true},
					Abandoned: func(func(context.Context) (string, error)) { told++ },
				})
				ctx, cancel := context.WithCancelCause(t.Context())
				if tt.after == 0 {
					cancel(tt.cause)
				}
				time.AfterFunc(tt.after, func() { cancel(tt.cause) })
				if _, err := sample(ctx, sampler); !errors.Is(err, tt.cause) || told != tt.abandoned {
					t.Errorf("got %v; told %d times of a request that was abandoned, want %d", err, told, tt.abandoned)
				}
			})
		})
	}
}

// A context that ends later does not touch the connection, which may be another
// exchange's then.
func TestCancellationAfterAnExchangeIsNoneOfIts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &lineServer{serve: answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false)}
		d := s.direct(t)
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			if _, _, err := post(ctx, d, "{}"); err != nil {
				t.Error(err)
			}
			cancel()
			synctest.Wait()
		}
		if got := s.conns.Load(); got != 1 {
			t.Errorf("%d connections", got)
		}
	})
}

// An answer that is here already when the context ends may be read, but not over a
// connection that is of any use afterwards.
func TestCancellationBeforeTheLastReadEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &lineServer{serve: answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false)}
		d := s.direct(t)
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := d.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if said, err := io.ReadAll(resp.Body); string(said) != "ab" || err != nil {
			t.Errorf("got %q, %v", said, err)
		}
		if _, _, err := post(t.Context(), d, "{}"); err != nil || s.conns.Load() != 2 {
			t.Errorf("then got %v, over %d connections", err, s.conns.Load())
		}
	})
}

func TestAnAnswerThatIsNotReadToItsEndTakesItsConnectionAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &lineServer{serve: answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false)}
		d := s.direct(t)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			resp, err := d.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if n, err := resp.Body.Read(make([]byte, 9)); n > 0 || err == nil || err == io.EOF {
				t.Errorf("read %d bytes of a closed body: %v", n, err)
			}
		}
		if got := s.conns.Load(); got != 2 {
			t.Errorf("%d connections", got)
		}
	})
}

// A deafConn cannot be written to, and has an answer all the same.
type deafConn struct {
	net.Conn
	answer io.Reader
}

func (c deafConn) Write([]byte) (int, error)  { return 3, errors.New("broken pipe") }
func (c deafConn) Read(b []byte) (int, error) { return c.answer.Read(b) }

func TestAnAnswerCountsMoreThanThatTheRequestWasNotTaken(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nab": "ab",
		"":              "broken pipe",
		"HTTP/1.1 4":    "broken pipe",
		"SSH-2.0-x\r\n": "broken pipe",
	} {
		s := &lineServer{serve: func(_ int, conn net.Conn) { conn.Read(make([]byte, 1)) }}
		d := s.direct(t)
		d.dialer.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := s.DialContext(ctx, network, address)
			return deafConn{conn, strings.NewReader(answer)}, err
		}
		for range 2 {
			_, said, err := post(t.Context(), d, "{}")
			if got := said + fmt.Sprint(err); !strings.Contains(got, want) {
				t.Errorf("after %q got %s, want %s", answer, got, want)
			}
		}
		if got := s.conns.Load(); got != 2 {
			t.Errorf("%d connections after %q", got, answer)
		}
	}
}

// listen serves on an address of this machine, with serve for each connection.
func listen(t *testing.T, address string, serve func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l
}

// dialing makes a transport whose connections are real, to l.
func dialing(t *testing.T, l net.Listener) *direct {
	t.Helper()
	s := &lineServer{}
	d := s.direct(t)
	dialer := net.Dialer{}
	d.dialer.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, l.Addr().String())
	}
	return d
}

func TestABodyMayBeAnsweredBeforeItIsRead(t *testing.T) {
	l := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab")
		conn.(*net.TCPConn).CloseWrite()
		time.Sleep(10 * time.Millisecond)
	})
	d := dialing(t, l)
	for range 10 {
		if resp, said, err := post(t.Context(), d, strings.Repeat("x", quickBody)); err != nil || resp.StatusCode != 413 || said != "ab" {
			t.Fatalf("got %+v, %q, %v", resp, said, err)
		}
	}
}

func TestCancellationEndsAnExchangeOnASocket(t *testing.T) {
	for name, answer := range map[string]string{"before the answer": "", "in its body": "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nab"} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan error, 1)
			d := dialing(t, listen(t, "127.0.0.1:0", func(conn net.Conn) {
				defer conn.Close()
				in := bufio.NewReader(conn)
				readRequest(in)
				io.WriteString(conn, answer)
				_, err := in.ReadByte()
				gone <- err
			}))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, _, err := post(ctx, d, "{}"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if err := <-gone; err == nil {
				t.Error("the connection was used again")
			}
		})
	}
}

func TestManyExchangesAtOnceKeepTheirAnswersApart(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}))
	defer server.Close()
	d := directTo(t, server.URL, newHTTPTransport(server.URL))
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for j := range 50 {
				body := strings.Repeat(fmt.Sprint(i, j, " "), 1+i*j%1000)
				ctx, cancel := context.WithCancel(t.Context())
				if j%10 == 9 {
					time.AfterFunc(time.Duration(i*j)*time.Microsecond, cancel) // perhaps in time
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, io.NopCloser(strings.NewReader(body)))
				if err != nil {
					t.Error(err)
				}
				req.ContentLength = int64(len(body))
				resp, err := d.RoundTrip(req)
				var said []byte
				if err == nil {
					said, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				if err == nil && string(said) != body || err != nil && ctx.Err() == nil {
					t.Errorf("got %d bytes, %v", len(said), err)
				}
				cancel()
			}
		})
	}
	all.Wait()
}

func TestWhatGoesDirect(t *testing.T) {
	proxied := func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.test") }
	for _, tt := range []struct {
		base    string
		proxy   func(*http.Request) (*url.URL, error)
		address string // "": it does not
	}{
		{"http://localhost", nil, "localhost:80"}, {"http://127.0.0.1:8731/prefix", http.ProxyFromEnvironment, "127.0.0.1:8731"},
		{"http://[::1]:80", nil, "[::1]:80"}, {"https://localhost", nil, ""}, {"http://localhost", proxied, ""},
		{"http://[fe80::1%25lo]:80", nil, ""}, {"http://bücher.test", nil, ""},
	} {
		dialer := newHTTPTransport(tt.base)
		dialer.Proxy = tt.proxy
		got := ""
		if d := newDirect(tt.base, dialer); d != nil {
			got = d.address
		}
		if canProbe && got != tt.address {
			t.Errorf("%s: %q, want %q", tt.base, got, tt.address)
		}
	}
}

// Go's own transport asks for compression, which tells the two apart.
func TestLargeBodiesGoThroughGosOwnTransport(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		asked <- r.Header.Get("Accept-Encoding")
	}))
	defer server.Close()
	client, err := New(Config{BaseURL: server.URL, APIKey: "tml-test", UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for size, want := range map[int]string{2: "", quickBody: "", quickBody + 1: "gzip"} {
		a := client.attempt(t.Context(), newTrail(""), message{
			method: http.MethodPost, path: "/", body: bytes.Repeat([]byte("x"), size), within: time.Minute,
		}, "key")
		if got := <-asked; a.status != 200 || canProbe && got != want {
			t.Errorf("%d bytes: Accept-Encoding %q, want %q; %v", size, got, want, a.err)
		}
	}
}

func TestAServerThatIsNotThereGotNothing(t *testing.T) {
	l := listen(t, "127.0.0.1:0", func(net.Conn) {})
	l.Close()
	client, err := New(Config{BaseURL: "http://" + l.Addr().String(), APIKey: "tml-test", UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	a := client.attempt(t.Context(), newTrail(""), message{method: http.MethodPost, path: "/", within: time.Minute}, "key")
	if a.err == nil || mayHaveArrived(a) {
		t.Errorf("got %+v", a)
	}
}

// While an answer is waited for, its request is not held: it may have been large,
// and thousands may wait.
func TestExchangesThatWaitDoNotHoldTheirRequests(t *testing.T) {
	const polls = 200
	held, come := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, _ := io.Copy(io.Discard, r.Body); n < quickBody {
			come <- struct{}{}
			<-held
		}
	}))
	defer server.Close()
	d := directTo(t, server.URL, newHTTPTransport(server.URL))
	send := func(body string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, io.NopCloser(strings.NewReader(body)))
		if err != nil {
			t.Error(err)
			return
		}
		req.ContentLength = int64(len(body))
		resp, err := d.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	}
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	large := strings.Repeat("x", quickBody)
	send(large)
	before := inUse()
	var all sync.WaitGroup
	for range polls {
		send(large)
		all.Go(func() { send("{}") })
		<-come
	}
	if each := (inUse() - before) / polls; each > 40<<10 {
		t.Errorf("each exchange that waits holds %d bytes, the server's included", each)
	}
	close(held)
	all.Wait()
}

// FuzzAnswer holds any answer against what Go's own transport makes of it.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\nab",
		"HTTP/1.0 200 OK\r\n\r\nab", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", "\r\n\r\n", "garbage",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if bytes.Contains(answer, []byte(" 1")) { // net/http counts provisional answers, we their bytes
			answer = bytes.ReplaceAll(answer, []byte(" 1"), []byte(" 2"))
		}
		d := (&lineServer{serve: answering(string(answer), true)}).direct(t)
		d.dialer.DisableCompression = true
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		resp, said, err := post(ctx, d, "{}")
		if ctx.Err() != nil {
			t.Fatal("it hangs")
		}
		want, wantSaid, wantErr := post(ctx, d.dialer, "{}")
		if (err == nil) != (wantErr == nil) || said != wantSaid || err == nil && resp.StatusCode != want.StatusCode {
			t.Errorf("got %+v, %q, %v\nwant %+v, %q, %v", resp, said, err, want, wantSaid, wantErr)
		}
	})
}
