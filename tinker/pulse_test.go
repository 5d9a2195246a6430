package tinker

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tinsmith.example/internal/transport"
)

// Heartbeats of two goroutines, or of two processes, are noted in any order.
func TestHeartbeatsMayOvertakeEachOther(t *testing.T) {
	unknown, ended := &transport.Error{Status: 404}, &transport.Error{Status: 410}
	type beat struct {
		sent int // seconds
		err  error
	}
	for _, tt := range []struct {
		name  string
		beats []beat
		want  error
		goOn  bool
		again int // that heartbeats are answered again is logged so often
	}{
		{"an old answer after the end", []beat{{2, ended}, {1, nil}}, ErrSessionEnded, false, 0},
		{"a new answer after the end", []beat{{2, ended}, {3, nil}}, ErrSessionEnded, false, 0},
		{"an old end", []beat{{2, nil}, {1, ended}}, ErrSessionEnded, false, 0},
		{"an old answer after the session was unknown", []beat{{2, unknown}, {1, nil}}, ErrSessionGone, true, 0},
		{"a new answer after the session was unknown", []beat{{2, unknown}, {3, nil}}, nil, true, 1},
		{"unknown before it was answered", []beat{{2, nil}, {1, unknown}}, nil, true, 0},
		{"no answer to a later one", []beat{{2, errors.New("broken")}, {1, unknown}}, ErrSessionGone, true, 0},
	} {
		var log bytes.Buffer
		var p pulse
		p.begin("S", slog.New(slog.NewTextHandler(&log, nil)))
		var goOn bool
		for _, b := range tt.beats {
			goOn = p.note(time.Now().Add(time.Duration(b.sent)*time.Second), b.err)
		}
		if err := p.gone(); err != tt.want || goOn != tt.goOn || (p.err() == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, go on: %v", tt.name, p.err(), goOn)
		}
		if n := strings.Count(log.String(), "answered again"); n != tt.again {
			t.Errorf("%s: answered again %d times\n%s", tt.name, n, &log)
		}
	}
}
