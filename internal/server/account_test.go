package server

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"tinsmith.example/internal/wire"
)

// as is c with another key.
func (c *caller) as(key string) *caller {
	return &caller{c.t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set(wire.HeaderAPIKey, key)
		c.h.ServeHTTP(w, r)
	})}
}

// fill submits samples until one is pushed back, and returns how many were taken
// and why no more.
func (c *caller) fill() (taken int, why string) {
	c.t.Helper()
	id := c.newSampler()
	for ; taken < 1000; taken++ {
		status, body := c.post(wire.PathSample, sampleOf(id, int64(taken)))
		switch status {
		case 200:
		case 429:
			return taken, detail(c.t, body)
		default:
			c.t.Fatalf("sample %d: %d %s", taken, status, body)
		}
	}
	c.t.Fatal("nothing pushes it back")
	return 0, ""
}

// TestOneKeyLeavesRoomForOthers: by depth, by bytes of requests and by bytes of
// results, a key that takes all it gets is pushed back in its own name while
// another key still gets in; and all of them together in the server's.
func TestOneKeyLeavesRoomForOthers(t *testing.T) {
	body := sampleOf("", 0)
	body.SamplingSessionID = strings.Repeat("x", 35) // about as long as a real one
	encoded, err := wire.Encode(body)
	if err != nil {
		t.Fatal(err)
	}
	request := int64(len(encoded))
	const result = keptBytes + 3*4 + sequenceBytes + 4*8 // of sampleOf: 3 tokens are asked, 4 may come
	for name, tt := range map[string]struct {
		limits Limits
		word   string
	}{
		"depth":   {Limits{Queued: 10, KeyQueued: 4}, "in work, which is the limit"},
		"bytes":   {Limits{QueuedBytes: 10*request + request/2, KeyQueuedBytes: 4*request + request/2}, "in work take"},
		"results": {Limits{ResultBytes: 10*result + 9, KeyResultBytes: 4*result + 9}, "not fetched yet"},
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			_, c := serve(t, &fakeBackend{sample: blocked(release)}, tt.limits)
			for key, want := range []int{4, 4, 2, 0} {
				taken, why := c.as("tml-" + string(rune('a'+key))).fill()
				of := "of this key"
				if key >= 2 {
					of = "of all keys"
				}
				if taken != want || !strings.Contains(why, tt.word) || !strings.Contains(why, of) {
					t.Errorf("key %d: %d samples, want %d, and then %q, want %q and %q", key, taken, want, why, of, tt.word)
				}
			}
		})
	}
}

// TestResultsAreKeptPerKey: what one key fetches pushes out none of another's,
// while the server has room; and then the key that has the most loses.
func TestResultsAreKeptPerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := serve(t, &fakeBackend{}, Limits{})
		few, many := c.as("tml-few"), c.as("tml-many")
		fetch := func(c *caller, sampler string, seq int64) {
			t.Helper()
			if status, body := c.retrieve(c.submit(sampleOf(sampler, seq)).RequestID); status != 200 {
				t.Fatalf("sample %d: %d %s", seq, status, body)
			}
		}
		kept := func(sampler string) int { return len(s.registry.samplers[sampler].futures) }
		a, b := few.newSampler(), many.newSampler()
		fetch(few, a, 0)
		size := s.registry.kept
		s.registry.limits.KeyResultBytes, s.registry.limits.ResultBytes = 8*size, 12*size
		for seq := range int64(20) {
			fetch(many, b, seq)
		}
		if kept(a) != 1 || kept(b) != 8 {
			t.Errorf("%d and %d results are kept, want 1 and 8", kept(a), kept(b))
		}
		for seq := int64(1); seq < 6; seq++ {
			fetch(few, a, seq)
		}
		if kept(a) != 6 || kept(b) != 6 {
			t.Errorf("%d and %d results are kept, want 6 of each: the one with more has to give", kept(a), kept(b))
		}
	})
}
