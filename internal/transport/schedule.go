package transport

import (
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// A Policy says how often a call is tried.
type Policy struct {
	tries  int           // at most; 0: any number
	within time.Duration // no try starts later after the first; 0: any time
	sparse bool          // longer waits, which the server has no say in
}

var (
	// Once is for calls that come again anyway, such as heartbeats.
	Once = Policy{tries: 1}
	// Twice is for calls that are better given up than waited for.
	Twice = Policy{tries: 2}
	// Briefly is for calls whose caller waits: about a minute.
	Briefly = Policy{tries: 11}
	// Patiently is for calls that much depends on: five minutes.
	Patiently = Policy{within: 5 * time.Minute}
	// Sparsely is as patient, for calls that a server in trouble should not meet
	// often: after 1, 2, 4 ... 30, 30 s.
	Sparsely = Policy{within: 5 * time.Minute, sparse: true}
)

// A schedule hands out the waits between the tries of one call.
type schedule struct {
	policy  Policy
	started time.Time
	tried   int
	backoff backoff.ExponentialBackOff
}

func (p Policy) schedule() *schedule {
	s := &schedule{policy: p, started: time.Now()}
	if p.sparse {
		s.backoff = backoff.ExponentialBackOff{InitialInterval: time.Second, Multiplier: 2, MaxInterval: 30 * time.Second}
		return s
	}
	// 0.5, 1, 2 ... 10 s, less up to a quarter: the middle of that, give or take a
	// seventh of it.
	s.backoff = backoff.ExponentialBackOff{
		InitialInterval: 500 * time.Millisecond * 7 / 8, Multiplier: 2, MaxInterval: 10 * time.Second * 7 / 8,
		RandomizationFactor: 1.0 / 7,
	}
	return s
}

// next returns how long to wait after a, and false if that was the last try.
func (s *schedule) next(a answer) (time.Duration, bool) {
	s.tried++
	if s.policy.tries > 0 && s.tried >= s.policy.tries {
		return 0, false
	}
	if s.tried == 1 {
		s.backoff.Reset()
	}
	wait := s.backoff.NextBackOff()
	if asked, ok := retryAfter(a.header); ok && !s.policy.sparse {
		wait = asked
	}
	if s.policy.within > 0 {
		left := s.policy.within - time.Since(s.started)
		if left <= 0 {
			return 0, false
		}
		wait = min(wait, left)
	}
	return wait, true
}

// excuse makes d not count as time spent.
func (s *schedule) excuse(d time.Duration) { s.started = s.started.Add(d) }

// retryAfter is the wait that a server asks for, if it is at most a minute.
func retryAfter(h http.Header) (time.Duration, bool) {
	var wait time.Duration
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		wait = time.Duration(ms * float64(time.Millisecond))
	} else if s, err := strconv.ParseFloat(h.Get("Retry-After"), 64); err == nil {
		wait = time.Duration(s * float64(time.Second))
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		wait = time.Until(at)
	}
	return wait, wait > 0 && wait <= time.Minute
}
