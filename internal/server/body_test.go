package server

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

const large = 1 << 20

// largeSample is an asample request of more than large bytes.
func largeSample(t *testing.T, sampler string, seq int64) *http.Request {
	t.Helper()
	body, err := wire.Encode(sampleOf(sampler, seq))
	if err != nil {
		t.Fatal(err)
	}
	return request("POST", wire.PathSample, string(body)+strings.Repeat(" ", large-len(body)))
}

// stuck starts two requests whose bodies stop after a part of them. One has
// announced its length. The returned functions break them off and wait for the
// answer.
func stuck(t *testing.T, c *caller) (breakOff [2]func()) {
	for i, length := range []int64{large, -1} {
		body, send := io.Pipe()
		r := request("POST", wire.PathSample, "x")
		r.Body, r.ContentLength = body, length
		done := make(chan struct{})
		go func() {
			defer close(done)
			if status, answer := read(t, c.do(r)); status != 400 || !strings.Contains(detail(t, answer), "broke off") {
				t.Errorf("a body that broke off: %d %s", status, answer)
			}
		}()
		if _, err := send.Write(make([]byte, 2*smallBody)); err != nil {
			t.Fatal(err)
		}
		breakOff[i] = func() {
			send.CloseWithError(errors.New("gone"))
			<-done
		}
	}
	return breakOff
}

// TestBodiesAreBoundedTogether: two large ones fill the room; a third waits
// unread, gives up after a while, or comes in when one of them has gone. Small
// ones pass all the time.
func TestBodiesAreBoundedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{}, Limits{BodyBytes: large, QueuedBytes: 2 * large})
		session := c.session()
		id := c.sampler(session, 0)
		breakOff := stuck(t, c)

		start := time.Now()
		third := largeSample(t, id, 0)
		unread := &counting{from: third.Body}
		third.Body = unread
		status, body := read(t, c.do(third))
		if text := detail(t, body); status != 429 || !strings.Contains(text, "1048576") || !strings.Contains(text, "2097152") {
			t.Errorf("third body: %d %s, want 429 with its length and the limit", status, body)
		}
		if waited := time.Since(start); waited != bodyWait {
			t.Errorf("it waited %v, want %v", waited, bodyWait)
		}
		if unread.n > 2*smallBody {
			t.Errorf("%d bytes of it were read", unread.n)
		}

		start = time.Now()
		p := c.submit(sampleOf(id, 1))
		if status, body := c.retrieve(p.RequestID); status != 200 {
			t.Errorf("a small poll: %d %s", status, body)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("small bodies waited %v", waited)
		}

		time.AfterFunc(bodyWait/2, breakOff[1])
		if status, body := read(t, c.do(largeSample(t, id, 2))); status != 200 {
			t.Errorf("a body that came in after a wait: %d %s", status, body)
		}
		breakOff[0]()
		for seq := range int64(10) { // what was reserved has been given back
			if status, body := read(t, c.do(largeSample(t, id, 3+seq))); status != 200 {
				t.Errorf("with room: %d %s", status, body)
			}
			synctest.Wait() // for the sample, which has been queued
		}
		if room := c.h.(*Server).bodies; !room.all.TryAcquire(2*large) || len(room.keys) != 0 {
			t.Error("some of the room has not been given back")
		}
	})
}

// TestBodiesOfOneKeyLeaveRoom for those of others.
func TestBodiesOfOneKeyLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := serve(t, &fakeBackend{}, Limits{BodyBytes: large, QueuedBytes: 3 * large, KeyQueuedBytes: 2 * large})
		id := c.newSampler()
		for _, free := range stuck(t, c) {
			defer free()
		}
		if status, body := read(t, c.do(largeSample(t, id, 0))); status != 429 {
			t.Errorf("a third body of this key: %d %s", status, body)
		}
		if status, body := read(t, c.as("tml-other").do(largeSample(t, id, 0))); status != 200 {
			t.Errorf("a body of another key: %d %s", status, body)
		}
	})
}

// TestOneBodyAlwaysFits, also where the limit on all of them is smaller.
func TestOneBodyAlwaysFits(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{QueuedBytes: 1000})
	if status, body := read(t, c.do(largeSample(t, c.newSampler(), 0))); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

// A counting body knows how much of it was read.
type counting struct {
	from io.ReadCloser
	n    int
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.n += n
	return n, err
}

func (c *counting) Close() error { return c.from.Close() }

// TestMessagesAreSmall: what is no sample has less to say, and a list of empty
// events is not taken for a hundred times its bytes.
func TestMessagesAreSmall(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	for _, e := range postedEndpoints {
		want := http.StatusRequestEntityTooLarge
		if e.path == wire.PathSample {
			want = http.StatusBadRequest
		}
		if status, body := c.post(strings.ReplaceAll(e.path, "SESSION", "x"), `{"x":"`+strings.Repeat("x", messageBytes)+`"}`); status != want {
			t.Errorf("%s: %d %s, want %d", e.path, status, body, want)
		}
	}
	for n, want := range map[int]int{wire.MaxTelemetryEvents: 200, wire.MaxTelemetryEvents + 1: 400} {
		status, body := c.post(wire.PathTelemetry, `{"events":[`+strings.Repeat("{},", n-1)+`{}]}`)
		if status != want || want == 400 && !strings.Contains(detail(t, body), "events: there are more than 100") {
			t.Errorf("%d events: %d %s, want %d", n, status, body, want)
		}
	}
}
