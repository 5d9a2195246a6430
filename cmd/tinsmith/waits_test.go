package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/tinker"
)

// What is new is told, what is not is not, and the end of the waiting needs no word.
func TestWaitingIsToldWhereItIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		r := &waitRemarks{w: &b, from: "URL"}
		for _, said := range []struct {
			state  tinker.QueueState
			reason string
			then   time.Duration
		}{
			{tinker.QueueActive, "position 2", waitEvery},
			{tinker.QueueActive, "position 2", waitEvery},     // nothing new
			{tinker.QueueActive, "position 1", waitEvery / 2}, // new
			{tinker.QueueActive, "position 0", waitEvery},     // new, but too soon
			{tinker.QueueActive, "", 0},                       // the end of the waiting
			{tinker.QueuePausedCapacity, "", waitEvery},       // without a reason
			{tinker.QueuePausedRateLimit, "a\nb", waitEvery},  // of several lines
			{"paused_lunch", "noon", 0},                       // a state of the future
		} {
			r.note(said.state, said.reason)
			time.Sleep(said.then)
		}
		const want = "URL: not done yet: position 2\n" +
			"URL: not done yet: position 1\n" +
			"URL: the request waits, since the server is short of capacity\n" +
			"URL: the request waits, since too much is under way: a\n" +
			"URL: the request waits (paused_lunch): noon\n"
		if b.String() != want {
			t.Errorf("told\n%swant\n%s", b.String(), want)
		}
	})
}
