package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"tinsmith.example/tinker"
)

// waitEvery is how often there may be a remark about waiting.
const waitEvery = 10 * time.Second

// waitRemarks tell a person that the server lets a request wait, and why, as often
// as that is new.
type waitRemarks struct {
	w    io.Writer
	from string // which server

	mu   sync.Mutex
	said string
	at   time.Time
}

// note is an OnQueueState.
func (r *waitRemarks) note(state tinker.QueueState, reason string) {
	what := "the request waits"
	switch state {
	case tinker.QueueActive:
		if reason == "" { // its waiting is over
			return
		}
		what = "not done yet" // the reason says whether it waits or runs
	case tinker.QueuePausedCapacity:
		what = "the request waits, since the server is short of capacity"
	case tinker.QueuePausedRateLimit:
		what = "the request waits, since too much is under way"
	default:
		what = fmt.Sprintf("the request waits (%s)", string(state))
	}
	if reason != "" {
		what += ": " + firstLine(reason)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if what == r.said || !r.at.IsZero() && time.Since(r.at) < waitEvery {
		return
	}
	r.said, r.at = what, time.Now()
	fmt.Fprintf(r.w, "%s: %s\n", r.from, what)
}
