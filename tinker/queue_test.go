package tinker

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestPausesAreLoggedOnceAMinuteWithTheServersReason(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var log bytes.Buffer
		q := &queueLog{log: slog.New(slog.NewTextHandler(&log, nil)), sampler: "S:sample:0"}
		said := func() string {
			text := log.String()
			log.Reset()
			return text
		}
		q.note(QueueActive, "")
		if got := said(); got != "" {
			t.Errorf("active: %s", got)
		}
		q.note(QueuePausedCapacity, "the moon is full")
		if got := said(); !strings.Contains(got, "the moon is full") || !strings.Contains(got, "level=WARN") ||
			!strings.Contains(got, "sampler=S:sample:0") || !strings.Contains(got, "state=paused_capacity") {
			t.Errorf("paused: %s", got)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		q.note(QueuePausedRateLimit, "again")
		if got := said(); got != "" {
			t.Errorf("within a minute: %s", got)
		}
		time.Sleep(time.Nanosecond)
		for state, want := range map[QueueState]string{
			QueuePausedRateLimit: "too many sampler weights", QueuePausedCapacity: "short of capacity", "paused_new": "unknown",
		} {
			q.note(state, "")
			if got := said(); !strings.Contains(got, want) {
				t.Errorf("%s without a reason: %s", state, got)
			}
			time.Sleep(time.Minute)
		}
	})
}
